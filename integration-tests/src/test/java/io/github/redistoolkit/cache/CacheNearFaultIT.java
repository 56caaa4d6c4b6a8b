package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/** The near cache when the network or the server fails. It is refused where there are several. */
@EachClient(topologies = Topology.STANDALONE)
class CacheNearFaultIT extends CacheFaultSuite {

  private final String prefix;

  CacheNearFaultIT(TestRedis redis) {
    super(redis);
    this.prefix = redis.unique("near:");
  }

  private CacheService<Long> near(TestRedis through) {
    return Fixtures.builder(through, prefix, Long.class).nearCache(100).build();
  }

  /** Waits until k0 is answered without Redis. */
  private static void awaitNear(CacheService<Long> near) {
    awaitNear(near, List.of("k0"));
  }

  /** Waits until all are answered without Redis. */
  private static void awaitNear(CacheService<Long> near, List<String> keys) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              long before = near.stats().nearHits();
              return keys.stream().allMatch(key -> near.get(key).isPresent())
                  && near.stats().nearHits() - before == keys.size();
            });
  }

  private void write(TestRedis through, long value) {
    through.admin().set(prefix + "k0", String.valueOf(value), SetParams.setParams().px(60_000));
  }

  @Test
  @Proves("cache.near-within-a-second")
  void aBlackHoledNetworkMakesNothingStaleBeyondOneSecondAndTheNearCacheRecovers()
      throws Exception {
    try (CacheService<Long> near = near(behind)) {
      StalenessWatch watch = new StalenessWatch(redis.admin(), prefix, 3);
      long unheard = 0;
      // If the machine stalls, trust may have run out before the first read.
      for (int times = 0; times < 5 && unheard == 0; times++) {
        awaitNear(near, watch.keys());
        unheard = nearHitsInABlackHole(near, watch);
      }
      assertThat("copies were there to be stale", unheard, is(greaterThan(0L)));
      assertThat(watch.laterThan(1100), is(empty()));
      awaitNear(near);
      for (String key : watch.keys()) {
        assertThat(near.get(key), is(Optional.of(watch.last(key))));
      }
    }
  }

  private long nearHitsInABlackHole(CacheService<Long> near, StalenessWatch watch)
      throws Exception {
    long before = near.stats().nearHits();
    // What Redis has to say gets lost, which is worse than if nothing passed at all.
    network.blackHole(Direction.TO_CLIENT);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Matrix.size(2, 10));
    Future<?> reading =
        threads.submit(() -> watch.readUntil(end, key -> near.get(key).orElseThrow()));
    watch.writeUntil(end, 0, 1);
    network.heal();
    reading.get();
    return near.stats().nearHits() - before;
  }

  @Test
  @Proves("cache.near-within-a-second")
  void aNetworkThatIsCutMakesTheNearCacheForgetAndComeBack() {
    try (CacheService<Long> near = near(behind)) {
      write(redis, 1);
      for (long i = 2; i < 5; i++) {
        awaitNear(near);
        network.refuse();
        write(redis, i);
        network.accept();
        Duration stale = StalenessWatch.untilFresh(Optional.of(i), () -> near.get("k0"));
        assertThat(stale, is(lessThanOrEqualTo(Duration.ofMillis(1100))));
      }
      assertThat(near.stats().nearHits(), is(greaterThan(2L)));
    }
  }

  private static void awaitValue(CacheService<Long> near, long value) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(5))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> near.get("k0").equals(Optional.of(value)));
  }

  @Test
  void aServerThatRestartsMakesTheNearCacheForgetAndComeBack() {
    PrivateRedis servers = redis.privateServers();
    TestRedis restarting = servers.redis();
    RedisServer server = servers.primaryOf(prefix);
    try (CacheService<Long> near = near(restarting)) {
      write(restarting, 1);
      awaitNear(near);
      server.restartEmpty();
      awaitAnswer(restarting);
      // Nobody tells of this: the cache is not heard of again yet.
      write(restarting, 2);
      awaitNear(near);
      assertThat(near.get("k0"), is(Optional.of(2L)));
      server.restartWithData();
      awaitAnswer(restarting);
      awaitNear(near);
      write(restarting, 3);
      awaitValue(near, 3);
    }
  }

  /** Uses up the connections of the time before. */
  private void awaitAnswer(TestRedis restarted) {
    Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> restarted.admin().ttl(prefix) < 0);
  }

  @Test
  @Proves("cache.near-within-a-second")
  void aServerThatIsPausedIsNoLongerTrustedAfterOneSecond() throws Exception {
    PrivateRedis servers = redis.privateServers();
    RedisServer server = servers.primaryOf(prefix);
    try (CacheService<Long> near = near(servers.redis())) {
      write(servers.redis(), 1);
      List<Duration> answered = List.of();
      // If the machine stalls, trust may have run out before the first read.
      for (int times = 0; times < 5 && answered.isEmpty(); times++) {
        awaitNear(near);
        answered = answeredWhilePaused(server, near);
      }
      assertThat(answered, is(not(empty())));
      assertThat(answered, everyItem(is(lessThanOrEqualTo(Duration.ofSeconds(1)))));
      awaitNear(near);
    }
  }

  /** When, after the server was paused, the reads began that were answered all the same. */
  private List<Duration> answeredWhilePaused(RedisServer server, CacheService<Long> near)
      throws Exception {
    List<Duration> answered = new ArrayList<>();
    server.pause();
    long paused = System.nanoTime();
    try {
      // Answered without Redis as long as trust lasts, and then by nobody.
      while (System.nanoTime() - paused < TimeUnit.MILLISECONDS.toNanos(1500)) {
        long begun = System.nanoTime();
        Future<Optional<Long>> read = threads.submit(() -> near.get("k0"));
        if (!isAnswered(read)) {
          break;
        }
        answered.add(Duration.ofNanos(begun - paused));
      }
    } finally {
      server.resume();
    }
    return answered;
  }

  private static boolean isAnswered(Future<Optional<Long>> read) throws Exception {
    try {
      return read.get(200, TimeUnit.MILLISECONDS).isPresent();
    } catch (java.util.concurrent.TimeoutException waiting) {
      return false;
    }
  }
}
