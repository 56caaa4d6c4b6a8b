package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** Loads while Redis answers later than its callers wait, or not at all. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheSlowRedisIT extends CacheFaultSuite {

  private static final int CALLERS = 100;
  private static final Duration TIMEOUT = Duration.ofMillis(200);

  private final String prefix;
  private final TestRedis impatient;
  private final CacheService<Integer> cache;
  private final AtomicInteger loads = new AtomicInteger();

  CacheSlowRedisIT(TestRedis redis) {
    super(redis);
    this.prefix = redis.unique("slow:");
    // In a Cluster it asks for the nodes at once, and a busy machine may take longer to answer.
    this.impatient =
        Awaitility.await()
            .ignoreExceptionsInstanceOf(JedisException.class)
            .until(() -> behind.impatient(TIMEOUT).withMaxTotal(8), made -> true);
    this.cache = Fixtures.builder(impatient, prefix, Integer.class).build();
    // All connections that are needed to know the servers have been made then.
    Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              cache.set("warm", 1);
              return true;
            });
  }

  @AfterEach
  void closeCache() {
    cache.close();
    impatient.close();
  }

  private int load() throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep(50);
    return loads.incrementAndGet();
  }

  private List<Future<Integer>> callers(String key) {
    List<Future<Integer>> callers = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      callers.add(threads.submit(() -> cache.getOrLoad(key, MINUTE, this::load)));
    }
    return callers;
  }

  @Test
  void oneHundredCallersOfOneKeyDoNotFindOutOneAfterTheOther() throws Exception {
    network.blackHole(Direction.values());
    for (Future<Integer> caller : callers("k")) {
      assertThat(caller.get(1, TimeUnit.MINUTES), is(greaterThan(0)));
    }
    // As many as there are connections, while the others see that these were not answered.
    assertThat(cache.stats().redisFailures(), is(lessThan(CALLERS * 6L / 10)));
    assertThat(loads.get(), is(lessThanOrEqualTo(CALLERS / 4)));
    assertThat(cache.stats().coolDowns(), is(greaterThan(0L)));
  }

  @Test
  void theVersionsOfGroupsAreNotAskedForEither() {
    CacheGroup<Integer> one = cache.group("a");
    CacheGroup<Integer> several = cache.group("a", "b");
    network.blackHole(Direction.values());
    for (int i = 0; i < 10; i++) {
      assertThat(one.getOrLoad("k", MINUTE, () -> 2), is(2));
      assertThat(several.getOrLoad("k", MINUTE, () -> 3), is(3));
    }
    // Most of the twenty did not ask.
    assertThat(cache.stats().redisFailures(), is(lessThanOrEqualTo(10L)));
    assertThat(cache.stats().coolDowns(), is(greaterThan(0L)));
    network.heal();
    Awaitility.await()
        .atMost(CoolDown.LONGEST.multipliedBy(3))
        .until(() -> one.getOrLoad("k", MINUTE, () -> 4) == 4 && one.get("k").isPresent());
  }

  @Test
  void redisIsAskedAgainOnceItAnswers() {
    network.blackHole(Direction.values());
    for (int i = 0; i < 20; i++) {
      assertThat(cache.getOrLoad("warm", MINUTE, () -> 2), is(2));
    }
    // Most of the twenty did not ask.
    assertThat(cache.stats().redisFailures(), is(lessThanOrEqualTo(10L)));
    network.heal();
    Awaitility.await()
        .atMost(CoolDown.LONGEST.multipliedBy(3))
        .until(() -> cache.getOrLoad("warm", MINUTE, () -> 2) == 1);
    assertThat(cache.getOrLoad("new", MINUTE, () -> 3), is(3));
    assertThat(cache.get("new"), is(Optional.of(3)));
  }
}
