package io.github.redistoolkit.pubsub;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientType;
import redis.clients.jedis.params.ClientKillParams;

/**
 * What Redis itself says about subscriptions and their connections: all servers together, since in
 * a Cluster a subscription may be at any of them.
 */
final class Wire {

  private final Supplier<List<HostAndPort>> servers;
  private final Function<HostAndPort, Jedis> open;

  Wire(Supplier<List<HostAndPort>> servers, Function<HostAndPort, Jedis> open) {
    this.servers = servers;
    this.open = open;
  }

  /** A wait that is long for a test and short for a person. */
  static ConditionFactory await(String what) {
    return Awaitility.await(what).pollInterval(Duration.ofMillis(2)).atMost(Duration.ofSeconds(10));
  }

  /** Does something at each server; last where something is subscribed. */
  void atEach(Consumer<Jedis> action) {
    List<HostAndPort> quietFirst =
        servers.get().stream()
            .sorted(Comparator.comparing(server -> connectionsAt(server).size()))
            .toList();
    for (HostAndPort server : quietFirst) {
      try (Jedis jedis = open.apply(server)) {
        action.accept(jedis);
      }
    }
  }

  private <T> List<T> ofEach(Function<Jedis, T> question) {
    List<T> answers = new ArrayList<>();
    for (HostAndPort server : servers.get()) {
      try (Jedis jedis = open.apply(server)) {
        answers.add(question.apply(jedis));
      }
    }
    return answers;
  }

  long sum(Function<Jedis, Long> question) {
    return ofEach(question).stream().mapToLong(answer -> answer).sum();
  }

  /** As PUBSUB NUMSUB says. */
  long subscribers(String channel) {
    return sum(jedis -> jedis.pubsubNumSub(channel).get(channel));
  }

  /** All channels of a pattern that anyone is subscribed to, sorted. */
  List<String> channels(String pattern) {
    return ofEach(jedis -> jedis.pubsubChannels(pattern)).stream()
        .flatMap(List::stream)
        .sorted()
        .toList();
  }

  /** As PUBSUB NUMPAT says. */
  long patterns() {
    return sum(Jedis::pubsubNumPat);
  }

  /** The lines of CLIENT LIST about connections that have subscriptions. */
  List<String> connections() {
    return servers.get().stream().flatMap(server -> connectionsAt(server).stream()).toList();
  }

  /** The same of one server; sentinels talk to each other by subscriptions too. */
  private List<String> connectionsAt(HostAndPort server) {
    try (Jedis jedis = open.apply(server)) {
      return connectionsAt(jedis);
    }
  }

  static List<String> connectionsAt(Jedis server) {
    return server
        .clientList(ClientType.PUBSUB)
        .lines()
        .filter(line -> !line.contains(" name=sentinel-"))
        .toList();
  }

  /** Closes each of these connections, as Redis does with one that it cannot send to. */
  void closeConnections() {
    for (HostAndPort server : servers.get()) {
      try (Jedis jedis = open.apply(server)) {
        for (String line : connectionsAt(jedis)) {
          String id = line.replaceAll("^id=(\\d+) .*", "$1");
          long unused = jedis.clientKill(ClientKillParams.clientKillParams().id(id));
        }
      }
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
