package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** One decision over a user, an address and everyone. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterSeveralIdsIT {

  private static final Duration HOUR = Duration.ofHours(1);

  private final TestRedis redis;
  private final String id;

  RateLimiterSeveralIdsIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("several");
  }

  @Test
  void allAreChargedOrNone() {
    RateLimiter perUser = limiter("users", Limit.of(3, HOUR).named("user"));
    RateLimiter perAddress =
        limiter("addresses", Limit.of(5, HOUR), Limit.tokenBucket(4, 1, HOUR).named("address"));
    RateLimiter everyone = limiter("everyone", Limit.of(100, HOUR).named("all"));
    Decision granted =
        RateLimiter.tryAcquireAll(
            perUser.demand(id + "u1", 2), perAddress.demand(id + "a1", 3), everyone.demand(id));
    assertThat(granted.allowed(), is(true));
    assertThat(granted.remaining(), is(1L));
    assertThat(
        granted.limits().stream().map(Decision.OfLimit::remaining).toList(),
        is(List.of(1L, 2L, 1L, 99L)));
    Decision refused =
        RateLimiter.tryAcquireAll(
            perUser.demand(id + "u2", 2), perAddress.demand(id + "a1", 2), everyone.demand(id));
    assertThat(refused.allowed(), is(false));
    assertThat(refused.limit().name(), is("address"));
    assertThat(perUser.peek(id + "u2").remaining(), is(3L));
    assertThat(everyone.peek(id).remaining(), is(99L));
    assertThat(perAddress.peek(id + "a1").remaining(), is(1L));
  }

  @Test
  void withoutACommonTagAClusterCannotDecideInOneStep() {
    RateLimiter untagged =
        redis
            .over(p -> RateLimiter.builder(p, "untagged"), c -> RateLimiter.builder(c, "untagged"))
            .limit(Limit.of(3, HOUR))
            .build();
    RateLimiter.Demand first = untagged.demand(id + 1);
    RateLimiter.Demand second = untagged.demand(id + 2);
    if (redis.kind().topology() == Topology.CLUSTER) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> RateLimiter.tryAcquireAll(first, second));
      assertThat(e.getMessage().contains("tag"), is(true));
    } else {
      assertThat(RateLimiter.tryAcquireAll(first, second).allowed(), is(true));
    }
  }

  @Test
  void aPrefixAndATagAreAllThatIsAddedToTheKey() {
    RateLimiter limiter =
        redis
            .over(p -> RateLimiter.builder(p, "named"), c -> RateLimiter.builder(c, "named"))
            .prefix("app:limits:")
            .tag("te{na}nt")
            .limit(Limit.of(3, HOUR))
            .build();
    assertThat(limiter.isAllowed(id), is(true));
    String key = "app:limits:named:{te%7Bna%7Dnt}:{" + id + "}";
    assertThat(redis.admin().exists(key), is(true));
    limiter.reset(id);
    assertThat(redis.admin().exists(key), is(false));
  }

  private RateLimiter limiter(String name, Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p, name), c -> RateLimiter.builder(c, name))
        .tag(id)
        .limit(first, more)
        .build();
  }
}
