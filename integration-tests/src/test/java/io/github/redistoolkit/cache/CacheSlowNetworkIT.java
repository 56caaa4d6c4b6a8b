package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Batches of ten thousand keys over a slow network, where each round trip can be told. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class CacheSlowNetworkIT extends CacheFaultSuite {

  private static final int KEYS = 10_000;

  private final CacheService<Integer> cache;
  private final Map<String, Integer> values = new LinkedHashMap<>();

  CacheSlowNetworkIT(TestRedis redis) {
    super(redis);
    TestRedis patient = behind.with(config -> config.socketTimeoutMillis(60_000));
    this.cache = Fixtures.builder(patient, redis.unique("slow:"), Integer.class).build();
    IntStream.range(0, KEYS).forEach(i -> values.put("k" + i, i));
  }

  @AfterEach
  void closeCache() {
    cache.close();
  }

  /** How long each of the three kinds of batch takes. */
  private record Times(Duration set, Duration get, Duration delete) {

    /** Whether each takes less than its own kind of batch of the others, and this much more. */
    boolean areBelow(Times others, Duration more) {
      return set.compareTo(others.set.plus(more)) < 0
          && get.compareTo(others.get.plus(more)) < 0
          && delete.compareTo(others.delete.plus(more)) < 0;
    }

    Times orShorter(Times other) {
      return new Times(
          shorter(set, other.set), shorter(get, other.get), shorter(delete, other.delete));
    }

    private static Duration shorter(Duration one, Duration other) {
      return one.compareTo(other) < 0 ? one : other;
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
    // The first makes connections, and scripts known; a busy machine only adds to the shortest.
    Times work = batches();
    for (int again = 0; again < 5; again++) {
      work = work.orShorter(batches());
    }
    network.latency(Duration.ofSeconds(1));
    // A second round trip would be a second more again than the work and the first one.
    Duration twoRoundTrips = Duration.ofSeconds(2);
    Times slow = batches();
    for (int again = 0; again < 9 && !slow.areBelow(work, twoRoundTrips); again++) {
      slow = slow.orShorter(batches());
    }
    assertThat(slow + " against " + work, slow.areBelow(work, twoRoundTrips), is(true));
    network.latency(Duration.ofMillis(20));
    reporter.publishEntry("10,000 keys at 20 ms of round trip", batches().toString());
  }
}
