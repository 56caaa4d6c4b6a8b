package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.startsWith;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.params.SetParams;

/** The near cache of another JVM; one server, as it is refused where there are several. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class CacheNearJvmsIT {

  private final TestRedis redis;
  private final String key;

  CacheNearJvmsIT(TestRedis redis) {
    this.redis = redis;
    this.key = redis.unique("near:");
  }

  /** Answers reads through its near cache, over a proxy. */
  static final class Near {
    public static void main(String[] args) throws Exception {
      Child child = Child.of(args);
      try (TestRedis direct = child.redis();
          TestRedis redis = direct.at(HostAndPort.from(args[3]));
          CacheService<Integer> cache =
              Fixtures.builder(redis, args[2], Integer.class).nearCache(10).build()) {
        while (true) {
          child.receive();
          long before = cache.stats().nearHits();
          Optional<Integer> value = cache.get("k");
          child.send(value.orElse(0) + (cache.stats().nearHits() > before ? " near" : " Redis"));
        }
      }
    }
  }

  @Test
  @Proves("cache.near-within-a-second")
  void aJvmThatWasPausedDoesNotServeWhatItHadBefore() throws Exception {
    redis.admin().set(key + "k", "1", SetParams.setParams().px(600_000));
    try (FaultProxy network = redis.proxy();
        ChildJvms jvms = ChildJvms.start(redis, 1, Near.class, key, network.address().toString())) {
      ChildJvm near = jvms.get(0);
      for (int i = 2; i < 2 + Matrix.size(1, 10); i++) {
        awaitNear(near);
        near.pause();
        // What Redis tells of it is still on its way when the JVM goes on.
        network.blackHole(Direction.TO_CLIENT);
        redis.admin().set(key + "k", String.valueOf(i), SetParams.setParams().px(600_000));
        long paused = System.nanoTime();
        Awaitility.await()
            .pollDelay(Duration.ofMillis(1100))
            .until(() -> System.nanoTime() - paused > TimeUnit.MILLISECONDS.toNanos(1100));
        near.send("read");
        near.resume();
        List<String> unheard = new ArrayList<>();
        Awaitility.await("no answer before Redis is heard")
            .during(Duration.ofMillis(300))
            .until(
                () -> {
                  unheard.addAll(near.linesSoFar());
                  return unheard.isEmpty();
                });
        network.heal();
        assertThat(near.receive(), startsWith(i + " "));
      }
    }
  }

  private static void awaitNear(ChildJvm near) {
    // Its JVM may have to start first.
    Awaitility.await()
        .atMost(Duration.ofMinutes(1))
        .until(
            () -> {
              near.send("read");
              return near.receive().endsWith(" near");
            });
  }
}
