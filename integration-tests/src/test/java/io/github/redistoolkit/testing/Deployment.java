package io.github.redistoolkit.testing;

import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.DefaultRedisCredentials;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.SslOptions;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.resps.ScanResult;
import redis.clients.jedis.util.JedisURIHelper;

/** Servers that belong together: where they are and how to get in. */
record Deployment(Topology topology, List<HostAndPort> nodes, Ownership ownership) {

  /** Whose they are. */
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

  static Deployment ours(Topology topology, List<HostAndPort> nodes) {
    return new Deployment(topology, List.copyOf(nodes), new Ownership.Ours());
  }

  static Deployment foreign(URI url) {
    return new Deployment(
        Topology.STANDALONE,
        List.of(JedisURIHelper.getHostAndPort(url)),
        new Ownership.Foreign(url));
  }

  /** What {@link #decode} makes the same of in another JVM, in one word. */
  String encode() {
    return ownership instanceof Ownership.Foreign foreign
        ? foreign.url().toString()
        : topology
            + "|"
            + nodes.stream().map(HostAndPort::toString).collect(Collectors.joining(","));
  }

  static Deployment decode(String text) {
    if (text.contains("://")) {
      return foreign(URI.create(text));
    }
    String[] parts = text.split("\\|", 2);
    return ours(
        Topology.valueOf(parts[0]),
        Arrays.stream(parts[1].split(",")).map(HostAndPort::from).toList());
  }

  /** What every connection to them starts from. */
  DefaultJedisClientConfig.Builder config() {
    DefaultJedisClientConfig.Builder config =
        DefaultJedisClientConfig.builder().timeoutMillis(2000);
    if (ownership instanceof Ownership.Foreign foreign) {
      URI url = foreign.url();
      if (JedisURIHelper.isRedisSSLScheme(url)) {
        config.sslOptions(SslOptions.defaults());
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

  /** Those that take writes at this moment. */
  List<HostAndPort> primaries() {
    return nodes;
  }

  /** Removes every key, or, if the servers are not ours, those with this in their name. */
  void removeKeys(String ourMark) {
    for (HostAndPort node : primaries()) {
      try (Jedis jedis = open(node)) {
        if (ownership instanceof Ownership.Ours) {
          jedis.flushAll();
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
