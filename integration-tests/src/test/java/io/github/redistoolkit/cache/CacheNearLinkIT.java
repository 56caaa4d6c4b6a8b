package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/** The near cache while what it hears is no longer what the pool writes, and nothing else fails. */
@EachClient(topologies = Topology.STANDALONE)
class CacheNearLinkIT extends CacheFaultSuite {

  private final String prefix;

  CacheNearLinkIT(TestRedis redis) {
    super(redis);
    this.prefix = redis.unique("link:");
  }

  private static void awaitNear(NearReads near, String key) {
    long before = near.nearHits();
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> near.read(key) > 0 && near.nearHits() > before);
  }

  @Test
  void aDeadLinkMakesNothingStaleBeyondOneSecondThoughThePoolIsAlive() throws Exception {
    StalenessWatch watch = new StalenessWatch(redis.admin(), prefix, 3);
    try (NearReads near = new NearReads(redis, behind, prefix)) {
      awaitNear(near, "k0");
      whileTheLinkIsDead(watch, near);
      // If the machine stalled at first, trust had run out by the time that something was read.
      for (int again = 0; again < 4 && watch.maxLateMillis() <= 50; again++) {
        network.heal();
        awaitNear(near, "k0");
        whileTheLinkIsDead(watch, near);
      }
      // The link was dead: alive, it would have been heard long before.
      assertThat(watch.maxLateMillis(), is(greaterThan(50L)));
      assertThat(watch.laterThan(1100), is(empty()));
      assertThat(watch.failedReads(), is(0L));
      assertThat(near.isTrusted(), is(false));
      for (String key : watch.keys()) {
        assertThat(near.read(key), is(watch.last(key)));
      }
      network.heal();
      awaitNear(near, "k0");
      for (String key : watch.keys()) {
        assertThat(near.read(key), is(watch.last(key)));
      }
    }
  }

  private void whileTheLinkIsDead(StalenessWatch watch, NearReads near) throws Exception {
    network.blackHole(Direction.TO_CLIENT);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Matrix.size(2, 30));
    Future<?> reading = threads.submit(() -> watch.readUntil(end, near::read));
    watch.writeUntil(end, 0, 1);
    reading.get();
  }

  @Test
  void aServerThatThePoolDoesNotWriteToIsNeverTrusted() {
    TestRedis other = redis.privateServers().redis();
    try (NearReads near = new NearReads(redis, other, prefix)) {
      write(redis, 1);
      // Its own writes are reported, under a name that the near cache knows.
      write(other, 2);
      Awaitility.await()
          .during(Duration.ofSeconds(1))
          .pollInterval(Duration.ofMillis(20))
          .until(() -> near.read("k") == 1 && !near.isTrusted());
      assertThat(near.nearHits(), is(0L));
    }
  }

  @Test
  void aServerThatThePoolNoLongerWritesToIsTrustedForOneSecondAtMost() {
    TestRedis other = redis.privateServers().redis();
    AtomicReference<HostAndPort> target = new AtomicReference<>(redis.address());
    write(redis, 1);
    write(other, 2);
    // As behind a name or a virtual address, which a failover lets go to another server.
    try (TestRedis moving =
            redis.with(config -> config.hostAndPortMapper(address -> target.get()));
        CacheService<Long> near =
            Fixtures.builder(moving, prefix, Long.class).nearCache(100).build()) {
      awaitNear(near);
      target.set(other.address());
      int killed = moving.killClients("normal");
      Duration stale = untilFresh(near, 2);
      assertThat(killed, is(greaterThan(0)));
      assertThat(stale, is(lessThan(Duration.ofMillis(1100))));
      // It is the other one that is listened to from then on.
      awaitNear(near);
      write(other, 3);
      assertThat(untilFresh(near, 3), is(lessThan(Duration.ofMillis(1100))));
      assertThat(near.get("k"), is(Optional.of(3L)));
    }
  }

  private static void awaitNear(CacheService<Long> near) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              long before = near.stats().nearHits();
              return near.get("k").isPresent() && near.stats().nearHits() > before;
            });
  }

  private static Duration untilFresh(CacheService<Long> near, long value) {
    return StalenessWatch.untilFresh(Optional.of(value), () -> near.get("k"));
  }

  private void write(TestRedis server, long value) {
    server.admin().set(prefix + "k", String.valueOf(value), SetParams.setParams().px(60_000));
  }
}
