package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Batches of ten thousand keys over a slow network, where each round trip can be told. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheSlowNetworkIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final int KEYS = 10_000;

  private final FaultProxy network;
  private final TestRedis behind;
  private final CacheService<Integer> cache;
  private final Map<String, Integer> values = new LinkedHashMap<>();

  CacheSlowNetworkIT(TestRedis redis) {
    this.network = redis.proxy();
    this.behind = redis.through(network);
    this.cache = Fixtures.builder(behind, Integer.class).prefix(redis.unique("slow:")).build();
    IntStream.range(0, KEYS).forEach(i -> values.put("k" + i, i));
  }

  @AfterEach
  void endsWhatItStarted() {
    network.heal();
    cache.close();
    Awaitility.await().until(() -> behind.borrowed() == 0);
    behind.close();
    network.close();
  }

  /** How long each of the three kinds of batch takes. */
  private record Times(Duration set, Duration get, Duration delete) {

    Duration longest() {
      return set.compareTo(get) > 0 ? longest(set, delete) : longest(get, delete);
    }

    private static Duration longest(Duration one, Duration other) {
      return one.compareTo(other) > 0 ? one : other;
    }
  }

  private Times batches() {
    long start = System.nanoTime();
    cache.setAll(values, MINUTE);
    long set = System.nanoTime();
    Map<String, Integer> found = cache.getAll(values.keySet());
    long read = System.nanoTime();
    long removed = cache.deleteAll(values.keySet());
    long deleted = System.nanoTime();
    assertThat(found, is(values));
    assertThat(removed, is((long) KEYS));
    return new Times(
        Duration.ofNanos(set - start),
        Duration.ofNanos(read - set),
        Duration.ofNanos(deleted - read));
  }

  @Test
  void aBatchOfTenThousandKeysIsOneRoundTrip(TestReporter reporter) {
    // Connections are made, and scripts known.
    Times warmUp = batches();
    assertThat(warmUp.longest(), is(lessThan(MINUTE)));
    // Two round trips would take two seconds; there is one for the work itself.
    network.latency(Duration.ofSeconds(1));
    assertThat(batches().longest(), is(lessThan(Duration.ofSeconds(2))));
    network.latency(Duration.ofMillis(20));
    Times times = batches();
    reporter.publishEntry("10,000 keys at 20 ms of round trip", times.toString());
    // 500 ms on a machine with nothing else to do; one by one it is more than 200 seconds.
    assertThat(times.longest(), is(lessThan(Duration.ofMillis(2500))));
  }
}
