package io.github.redistoolkit.testing;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisException;

/** The servers of one topology on one host, as they are started. */
record Layout(List<RedisServer> servers, List<RedisServer> sentinels) {

  private static final int SLOTS = 16384;
  private static final int PRIMARIES = 3;
  private static final ProtocolCommand SENTINEL = command("SENTINEL");

  /** How many ports a topology takes. */
  static int ports(Topology topology) {
    return switch (topology) {
      case STANDALONE -> 1;
      case SENTINEL -> 5;
      case CLUSTER -> 2 * PRIMARIES;
    };
  }

  /** Starts a topology and waits until it is whole. */
  static Layout start(
      ServerHost host, Topology topology, List<Integer> ports, List<String> settings) {
    return switch (topology) {
      case STANDALONE -> standalone(host, ports.get(0), settings);
      case SENTINEL -> sentinel(host, ports, settings);
      case CLUSTER -> cluster(host, ports, settings);
    };
  }

  private static Layout standalone(ServerHost host, int port, List<String> settings) {
    RedisServer server = RedisServer.data(host, port, settings);
    server.start();
    return new Layout(List.of(server), List.of());
  }

  private static Layout sentinel(ServerHost host, List<Integer> ports, List<String> settings) {
    int primaryPort = ports.get(0);
    List<String> ofReplica = new ArrayList<>(settings);
    ofReplica.add("replicaof 127.0.0.1 " + primaryPort);
    RedisServer primary = RedisServer.data(host, primaryPort, settings);
    RedisServer replica = RedisServer.data(host, ports.get(1), ofReplica);
    List<RedisServer> sentinels =
        ports.subList(2, ports.size()).stream()
            .map(port -> RedisServer.sentinel(host, port, primaryPort))
            .toList();
    primary.start();
    replica.start();
    sentinels.forEach(RedisServer::start);
    sentinels.forEach(Layout::quicken);
    sentinels.forEach(sentinel -> awaitTrue(sentinel, "knows all", Layout::knowsAll));
    sentinels.forEach(Layout::calmSentinel);
    return new Layout(List.of(primary, replica), sentinels);
  }

  /**
   * Makes a sentinel look around often, so that it is ready soon, and keep calm when the machine is
   * busy: a timer late by two seconds would else make it do nothing for thirty.
   */
  private static void quicken(RedisServer sentinel) {
    try (Jedis jedis = new Jedis(sentinel.address())) {
      jedis.sendCommand(
          SENTINEL,
          ("DEBUG INFO-PERIOD 200 PUBLISH-PERIOD 200 PING-PERIOD 200"
                  + " TILT-TRIGGER 60000 TILT-PERIOD 1000")
              .split(" "));
    }
  }

  /**
   * Makes a sentinel slower to believe what it sees than it was started: it undoes a failover of
   * which it has not heard from the others within four of these periods.
   */
  private static void calmSentinel(RedisServer sentinel) {
    try (Jedis jedis = new Jedis(sentinel.address())) {
      jedis.sendCommand(SENTINEL, "DEBUG", "PUBLISH-PERIOD", "500");
    }
  }

  private static boolean knowsAll(Jedis sentinel) {
    String name = Deployment.PRIMARY_NAME;
    return sentinel.sentinelSentinels(name).size() == 2
        && sentinel.sentinelReplicas(name).size() == 1
        && "ok".equals(sentinel.sentinelReplicas(name).get(0).get("master-link-status"))
        && text(sentinel.sendCommand(SENTINEL, "CKQUORUM", name)).startsWith("OK 3 ");
  }

  private static Layout cluster(ServerHost host, List<Integer> ports, List<String> settings) {
    List<RedisServer> nodes =
        ports.stream().map(port -> RedisServer.cluster(host, port, settings)).toList();
    nodes.forEach(RedisServer::start);
    for (int i = 0; i < nodes.size(); i++) {
      prepare(nodes.get(i), i);
    }
    Await.that("the nodes at " + nodes + " know each other")
        .every(Duration.ofMillis(1))
        .until(() -> meet(nodes));
    for (int i = PRIMARIES; i < nodes.size(); i++) {
      HostAndPort primary = nodes.get(i - PRIMARIES).address();
      try (Jedis jedis = new Jedis(nodes.get(i).address());
          Jedis ofPrimary = new Jedis(primary)) {
        jedis.clusterReplicate(ofPrimary.clusterMyId());
      }
    }
    nodes.forEach(node -> awaitTrue(node, "is whole", Layout::isWhole));
    nodes.forEach(Layout::calm);
    nodes.forEach(node -> awaitTrue(node, "is linked to all", Layout::isLinkedToAll));
    return new Layout(nodes, List.of());
  }

  /**
   * Makes a node slower to call another dead than it was started: that the timeout is short makes
   * nodes find each other fast, but on a busy machine they would then fail over for no reason.
   */
  private static void calm(RedisServer node) {
    try (Jedis jedis = new Jedis(node.address())) {
      jedis.configSet("cluster-node-timeout", "5000");
    }
    node.setFromNextStart("cluster-node-timeout 5000");
  }

  /** Gives a node its epoch and, if it is to be a primary, its slots. */
  private static void prepare(RedisServer node, int number) {
    try (Jedis jedis = new Jedis(node.address())) {
      // Before it meets anyone; nodes with the same epoch would first have to sort that out.
      jedis.sendCommand(Protocol.Command.CLUSTER, "SET-CONFIG-EPOCH", String.valueOf(number + 1));
      if (number < PRIMARIES) {
        jedis.clusterAddSlotsRange(
            number * SLOTS / PRIMARIES, (number + 1) * SLOTS / PRIMARIES - 1);
      }
    }
  }

  /**
   * Shows each node those before it, and tells whether all know each other soon. If not, some have
   * to be shown again: a node forgets one that does not answer within a second, as on a busy
   * machine.
   */
  private static boolean meet(List<RedisServer> nodes) throws InterruptedException {
    for (int i = 1; i < nodes.size(); i++) {
      try (Jedis jedis = new Jedis(nodes.get(i).address())) {
        for (RedisServer earlier : nodes.subList(0, i)) {
          jedis.clusterMeet("127.0.0.1", earlier.address().getPort());
        }
      }
    }
    long start = System.nanoTime();
    while (System.nanoTime() - start < TimeUnit.SECONDS.toNanos(5)) {
      if (nodes.stream().allMatch(Layout::hasMetAll)) {
        return true;
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
    return false;
  }

  private static boolean hasMetAll(RedisServer node) {
    String nodes;
    try (Jedis jedis = new Jedis(node.address())) {
      nodes = jedis.clusterNodes();
    }
    return nodes.lines().count() == 2 * PRIMARIES && !nodes.contains("handshake");
  }

  private static boolean isWhole(Jedis node) {
    List<?> ranges = (List<?>) node.sendCommand(Protocol.Command.CLUSTER, "SLOTS");
    return node.clusterInfo().contains("cluster_state:ok")
        && ranges.size() == PRIMARIES
        && ranges.stream().allMatch(range -> ((List<?>) range).size() == 4) // with its replica
        && !node.info("replication").contains("master_link_status:down");
  }

  /** A link that is down loses the messages published to subscribers at the other end. */
  private static boolean isLinkedToAll(Jedis node) {
    String nodes = node.clusterNodes();
    return !nodes.contains("disconnected") && !nodes.contains("fail");
  }

  /** A question to a server. */
  interface Question {
    boolean isTrueFor(Jedis jedis);
  }

  /** Waits until a server says yes, in bounded time. */
  static void awaitTrue(RedisServer server, String what, Question question) {
    Callable<Boolean> asked =
        () -> {
          try (Jedis jedis = new Jedis(server.address())) {
            return question.isTrueFor(jedis);
          } catch (JedisException e) {
            return false; // it refuses while it is not ready
          }
        };
    Await.that("the server at " + server + " " + what).until(asked);
  }

  /** The command of this name; Jedis has no constant for each. */
  static ProtocolCommand command(String name) {
    return () -> name.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(Object reply) {
    return reply instanceof byte[] bytes
        ? new String(bytes, StandardCharsets.UTF_8)
        : String.valueOf(reply);
  }
}
