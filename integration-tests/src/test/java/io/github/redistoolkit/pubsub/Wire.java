package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientType;
import redis.clients.jedis.params.ClientKillParams;

/** What Redis itself says about subscriptions and their connections. */
final class Wire {

  private final TestRedis redis;

  Wire(TestRedis redis) {
    this.redis = redis;
  }

  /** A wait that is long for a test and short for a person. */
  static ConditionFactory await(String what) {
    return Awaitility.await(what).pollInterval(Duration.ofMillis(2)).atMost(Duration.ofSeconds(10));
  }

  long subscribers(String channel) {
    try (Jedis jedis = new Jedis(redis.address())) {
      Map<String, Long> counts = jedis.pubsubNumSub(channel);
      return counts.get(channel);
    }
  }

  /** All channels of a pattern that anyone is subscribed to, sorted. */
  List<String> channels(String pattern) {
    try (Jedis jedis = new Jedis(redis.address())) {
      return jedis.pubsubChannels(pattern).stream().sorted().toList();
    }
  }

  long patterns() {
    try (Jedis jedis = new Jedis(redis.address())) {
      return jedis.pubsubNumPat();
    }
  }

  /** The lines of CLIENT LIST about connections that have subscriptions. */
  List<String> connections() {
    try (Jedis jedis = new Jedis(redis.address())) {
      return jedis.clientList(ClientType.PUBSUB).lines().toList();
    }
  }

  long killSubscribers() {
    try (Jedis jedis = new Jedis(redis.address())) {
      return jedis.clientKill(ClientKillParams.clientKillParams().type(ClientType.PUBSUB));
    }
  }

  /** Threads of the module that are alive, handlers included. */
  static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("redis-pubsub-"))
        .toList();
  }

  /** Whether a thread of the module is in a method whose name matches. */
  static boolean threadIsIn(String role, String method) {
    Pattern name = Pattern.compile(method);
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(thread -> thread.getKey().getName().startsWith("redis-pubsub-" + role))
        .flatMap(thread -> Arrays.stream(thread.getValue()))
        .anyMatch(frame -> name.matcher(frame.getMethodName()).matches());
  }
}
