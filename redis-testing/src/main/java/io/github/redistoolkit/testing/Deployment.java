package io.github.redistoolkit.testing;

import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.DefaultRedisCredentials;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.SslOptions;
import redis.clients.jedis.args.FlushMode;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.resps.ScanResult;
import redis.clients.jedis.util.JedisClusterCRC16;
import redis.clients.jedis.util.JedisURIHelper;
import redis.clients.jedis.util.SafeEncoder;

/**
 * Servers that belong together: where they are and how to get in.
 *
 * @param nodes those that hold data
 * @param sentinels those that watch them, if any do
 */
record Deployment(
    Topology topology, List<HostAndPort> nodes, List<HostAndPort> sentinels, Ownership ownership) {

  /** What the sentinels call the primary. */
  static final String PRIMARY_NAME = "primary";

  /** Whose the servers are. */
  sealed interface Ownership {

    /** Started by the bed: tests may do to them what they like. */
    record Ours() implements Ownership {}

    /** Someone else's: tests touch nothing but their own keys. */
    record Foreign(URI url) implements Ownership {

      @Override
      public String toString() {
        return "Foreign"; // the URL may hold a password
      }
    }
  }

  static Deployment ours(Topology topology, List<HostAndPort> nodes, List<HostAndPort> sentinels) {
    return new Deployment(
        topology, List.copyOf(nodes), List.copyOf(sentinels), new Ownership.Ours());
  }

  static Deployment foreign(URI url) {
    return new Deployment(
        Topology.STANDALONE,
        List.of(JedisURIHelper.getHostAndPort(url)),
        List.of(),
        new Ownership.Foreign(url));
  }

  boolean isOurs() {
    return ownership instanceof Ownership.Ours;
  }

  /** What {@link #decode} makes the same of in another JVM, in one word. */
  String encode() {
    return ownership instanceof Ownership.Foreign foreign
        ? foreign.url().toString()
        : topology + "|" + encode(nodes) + "|" + encode(sentinels);
  }

  private static String encode(List<HostAndPort> addresses) {
    return addresses.stream().map(HostAndPort::toString).collect(Collectors.joining(","));
  }

  static Deployment decode(String text) {
    if (text.contains("://")) {
      return foreign(URI.create(text));
    }
    String[] parts = text.split("\\|", -1);
    return ours(Topology.valueOf(parts[0]), addresses(parts[1]), addresses(parts[2]));
  }

  private static List<HostAndPort> addresses(String text) {
    return Arrays.stream(text.split(","))
        .filter(address -> !address.isEmpty())
        .map(HostAndPort::from)
        .toList();
  }

  /** What every connection to them starts from. */
  DefaultJedisClientConfig.Builder config() {
    DefaultJedisClientConfig.Builder config =
        DefaultJedisClientConfig.builder().timeoutMillis(2000);
    if (ownership instanceof Ownership.Foreign foreign) {
      URI url = foreign.url();
      if (JedisURIHelper.isRedisSSLScheme(url)) {
        config.sslOptions(SslOptions.builder().build());
      }
      config
          .database(JedisURIHelper.getDBIndex(url))
          .credentials(
              new DefaultRedisCredentials(
                  JedisURIHelper.getUser(url), JedisURIHelper.getPassword(url)));
    }
    return config;
  }

  /** A connection to one of them. */
  Jedis open(HostAndPort node) {
    return new Jedis(node, config().protocol(RedisProtocol.RESP2).build());
  }

  /** Those that take writes at this moment, as any one that answers says. */
  List<HostAndPort> primaries() {
    return switch (topology) {
      case STANDALONE -> nodes;
      case SENTINEL -> List.of(askAnyOf(sentinels, Deployment::primaryOfSentinel));
      case CLUSTER -> askAnyOf(nodes, Deployment::primariesOfCluster);
    };
  }

  static HostAndPort primaryOfSentinel(Jedis sentinel) {
    List<String> address = sentinel.sentinelGetMasterAddrByName(PRIMARY_NAME);
    return new HostAndPort(address.get(0), Integer.parseInt(address.get(1)));
  }

  private static List<HostAndPort> primariesOfCluster(Jedis node) {
    return SlotRange.of(node).stream().map(range -> range.nodes().get(0)).distinct().toList();
  }

  /** Where a key is written at this moment, as any server that answers says. */
  HostAndPort primaryOf(String key) {
    return topology == Topology.CLUSTER
        ? askAnyOf(nodes, node -> SlotRange.ofKey(node, key).nodes().get(0))
        : primaries().get(0);
  }

  /** Slots of a cluster that are together; of their nodes the primary is first. */
  record SlotRange(long first, long last, List<HostAndPort> nodes) {

    static List<SlotRange> of(Jedis node) {
      List<SlotRange> ranges = new ArrayList<>();
      for (Object entry : (List<?>) node.sendCommand(Protocol.Command.CLUSTER, "SLOTS")) {
        List<?> range = (List<?>) entry;
        List<HostAndPort> nodes = new ArrayList<>();
        for (Object at : range.subList(2, range.size())) {
          List<?> address = (List<?>) at;
          nodes.add(
              new HostAndPort(
                  SafeEncoder.encode((byte[]) address.get(0)),
                  Math.toIntExact((Long) address.get(1))));
        }
        ranges.add(new SlotRange((Long) range.get(0), (Long) range.get(1), nodes));
      }
      return ranges;
    }

    static SlotRange ofKey(Jedis node, String key) {
      return ofSlot(node, JedisClusterCRC16.getSlot(key));
    }

    static SlotRange ofSlot(Jedis node, int slot) {
      return of(node).stream()
          .filter(range -> range.first() <= slot && slot <= range.last())
          .findFirst()
          .orElseThrow(() -> new JedisException("nobody has slot " + slot));
    }
  }

  <T> T askAnyOf(List<HostAndPort> addresses, Function<Jedis, T> question) {
    JedisException failure = new JedisException("no server to ask");
    for (HostAndPort address : addresses) {
      try (Jedis jedis = open(address)) {
        return question.apply(jedis);
      } catch (JedisException e) {
        failure = e;
      }
    }
    throw failure;
  }

  /** Removes every key, or, if the servers are not ours, those with this in their name. */
  void removeKeys(String ourMark) {
    for (HostAndPort node : primaries()) {
      try (Jedis jedis = open(node)) {
        if (isOurs()) {
          jedis.flushAll(FlushMode.ASYNC); // a million keys would take longer than a timeout
        } else {
          unlink(jedis, "*" + ourMark + "*");
        }
      }
    }
  }

  private static void unlink(Jedis jedis, String pattern) {
    ScanParams params = new ScanParams().match(pattern).count(1000);
    String cursor = ScanParams.SCAN_POINTER_START;
    do {
      ScanResult<String> page = jedis.scan(cursor, params);
      page.getResult().forEach(jedis::unlink);
      cursor = page.getCursor();
    } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
  }
}
