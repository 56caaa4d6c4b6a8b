package io.github.redistoolkit.soak;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Random operations of all modules against random faults. {@code -Dredis.soak=30m} says for how
 * long, {@code -Dredis.soak.seed} what the first round does.
 */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class SoakIT {

  private static final Duration SHORT = Duration.ofSeconds(10);
  private static final Duration ROUND = Duration.ofSeconds(40);

  private final PrivateRedis servers;
  private final TestRedis direct;

  SoakIT(TestRedis shared) {
    // Servers of one machine write to one folder, so only one of them can have an append-only file.
    this.servers =
        shared.topology() == Topology.STANDALONE
            ? shared.privateServers("appendonly yes", "appendfsync always")
            : shared.privateServers();
    this.direct = brief(servers.redis());
  }

  private static TestRedis brief(TestRedis redis) {
    return redis.impatient(Duration.ofSeconds(1)).retryingFor(Duration.ofSeconds(2));
  }

  @Test
  @Timeout(value = 1, unit = TimeUnit.DAYS)
  void randomOperationsAgainstRandomFaultsViolateNothing() throws Exception {
    String asked = System.getProperty("redis.soak", "");
    Duration total =
        asked.isEmpty() ? SHORT : Duration.parse("PT" + asked.toUpperCase(Locale.ROOT));
    String given = System.getProperty("redis.soak.seed", "");
    long seed = !given.isEmpty() ? Long.parseLong(given) : asked.isEmpty() ? 1 : System.nanoTime();
    List<String> violations = new ArrayList<>();
    long begin = System.nanoTime();
    try (FaultProxy proxy = servers.redis().proxy();
        TestRedis faulty = brief(servers.redis().through(proxy))) {
      do {
        awaitWritable(direct);
        awaitWritable(faulty);
        SoakReport report =
            new SoakRound(servers, direct, faulty, proxy, seed)
                .run(asked.isEmpty() ? SHORT : ROUND);
        System.err.println(report.summary());
        report.violations().forEach(System.err::println);
        violations.addAll(report.violations());
        servers.redis().removeKeys();
        seed = new SplittableRandom(seed).nextLong();
      } while (System.nanoTime() - begin < total.toNanos());
    }
    assertThat(String.join("\n", violations), violations.stream().toList(), is(empty()));
  }

  /** Until then a pool may lead to a primary of before. */
  private static void awaitWritable(TestRedis redis) {
    Awaitility.await()
        .atMost(Duration.ofMinutes(2))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              for (int i = 0; i < 20; i++) {
                assertThat(redis.client().set(redis.unique("ready"), "yes"), is("OK"));
              }
              return true;
            });
  }
}
