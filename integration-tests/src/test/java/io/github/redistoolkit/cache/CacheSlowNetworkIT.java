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
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Batches of ten thousand keys over a slow network, where each round trip can be told. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheSlowNetworkIT extends CacheFaultSuite {

  private static final int KEYS = 10_000;

  private final CacheService<Integer> cache;
  private final Map<String, Integer> values = new LinkedHashMap<>();

  CacheSlowNetworkIT(TestRedis redis) {
    super(redis);
    this.cache = Fixtures.builder(behind, Integer.class).prefix(redis.unique("slow:")).build();
    IntStream.range(0, KEYS).forEach(i -> values.put("k" + i, i));
  }

  @AfterEach
  void closeCache() {
    cache.close();
  }

  /** How long each of the three kinds of batch takes. */
  private record Times(Duration set, Duration get, Duration delete) {

    boolean areBelow(Duration bound) {
      return Stream.of(set, get, delete).allMatch(time -> time.compareTo(bound) < 0);
    }

    Times orShorter(Times other) {
      return new Times(
          shorter(set, other.set), shorter(get, other.get), shorter(delete, other.delete));
    }

    private static Duration shorter(Duration one, Duration other) {
      return one.compareTo(other) < 0 ? one : other;
    }
  }

  /** The shortest of some runs, as a busy machine only adds to what round trips take. */
  private Times shortest(Duration wanted) {
    Times shortest = batches();
    for (int again = 0; again < 19 && !shortest.areBelow(wanted); again++) {
      shortest = shortest.orShorter(batches());
    }
    return shortest;
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
    assertThat(batches().areBelow(MINUTE), is(true));
    // Two round trips would take two seconds; there is one for the work itself.
    network.latency(Duration.ofSeconds(1));
    Times oneRoundTrip = shortest(Duration.ofSeconds(2));
    assertThat(oneRoundTrip.toString(), oneRoundTrip.areBelow(Duration.ofSeconds(2)), is(true));
    network.latency(Duration.ofMillis(20));
    // One by one it would be more than 200 seconds.
    Duration bound = Duration.ofMillis(redis.topology() == Topology.CLUSTER ? 2500 : 500);
    Times times = shortest(bound);
    reporter.publishEntry("10,000 keys at 20 ms of round trip", times.toString());
    assertThat(times.toString(), times.areBelow(bound), is(true));
  }
}
