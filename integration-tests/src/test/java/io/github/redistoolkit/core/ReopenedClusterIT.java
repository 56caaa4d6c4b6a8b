package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * A client of a Cluster that is closed while a command is under way: the command is tried again,
 * and makes new pools for that, which nobody closes.
 */
@EachClient(topologies = Topology.CLUSTER)
class ReopenedClusterIT {

  private final TestRedis redis;
  private final String id;

  ReopenedClusterIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("reopened");
  }

  @Test
  void isTakenForClosedAndEndsWhatWorksInTheBackground() throws Exception {
    try (FaultProxy proxy = redis.proxy();
        TestRedis closing = redis.through(proxy).impatient(Duration.ofSeconds(1))) {
      UnifiedJedis client = closing.client();
      RedisAccess access = CoreAccess.of(closing);
      try (CacheService<String> cache =
              CacheService.builder(client, id, String.class).nearCache(10).build();
          RedisPubSub pubSub = new RedisPubSub(client)) {
        cache.set("key", "value", Duration.ofMinutes(1));
        await("the near cache works").until(() -> cache.get("key").isPresent() && near(cache));
        var unused = pubSub.subscribe(id, String.class, message -> {});
        assertThat(access.isClosed(), is(false));
        assertThat(threads(), is(not(empty())));

        FaultProxy.Loss loss = proxy.loseReply(this::isAsked, 1, Then.SILENCE);
        CompletableFuture<String> underWay =
            CompletableFuture.supplyAsync(() -> client.get(id + "late"));
        loss.await();
        client.close();
        assertThat(underWay.join(), is(nullValue()));
        assertThat(access.pools().stream().allMatch(Pool::isClosed), is(false));

        await("it is known to be closed").until(access::isClosed);
        await("nothing works for it any more").until(ReopenedClusterIT::threads, is(empty()));
      }
    }
  }

  private boolean isAsked(FaultProxy.Request request) {
    return request.name().equals("GET") && request.arguments().contains(id + "late");
  }

  private static boolean near(CacheService<String> cache) {
    return cache.stats().nearHits() > 0;
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(
            name ->
                name.startsWith("redis-cache-near")
                    || name.matches("redis-pubsub-(reader|writer|keeper).*"))
        .toList();
  }

  private static ConditionFactory await(String what) {
    return Awaitility.await(what)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(50))
        .atMost(Duration.ofSeconds(15));
  }
}
