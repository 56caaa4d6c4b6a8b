package io.github.redistoolkit.core;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.commons.pool2.PooledObjectFactory;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionPool;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.RedisSentinelClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * Opens connections of our own, for whatever must keep one for long, such as a subscriber.
 *
 * <p>A connection opened here carries the address, credentials, TLS, client name, database and
 * timeouts that the caller gave to the pool or client, and takes no slot of its pool. Through
 * Sentinel it goes to the primary of that moment, in a Cluster to any node that answers.
 *
 * <p>Thread-safe.
 */
public abstract sealed class OwnConnections {

  private OwnConnections() {}

  /**
   * A connection and where it went.
   *
   * @param connection handshake done; to be ended by its owner
   * @param node where it goes: the primary's address through Sentinel, the node's in a Cluster, and
   *     empty where there is only one server
   */
  public record Opened(Connection connection, String node) {}

  /**
   * Returns how to open connections like those of a client.
   *
   * @param client a {@link PooledClient}, {@link RedisClient}, {@link RedisSentinelClient} or
   *     {@link RedisClusterClient}
   * @return the way to open connections
   * @throws NullPointerException if {@code client} is null
   * @throws IllegalArgumentException if it is another kind of client, which does not say how it
   *     connects
   */
  public static OwnConnections of(UnifiedJedis client) {
    Objects.requireNonNull(client, "client");
    if (client instanceof PooledClient pooled) {
      return new OfPool(pooled.pool());
    }
    if (client instanceof RedisClient redis) {
      return new OfClient(redis);
    }
    if (client instanceof RedisSentinelClient sentinel) {
      return new OfSentinelClient(sentinel);
    }
    if (client instanceof RedisClusterClient cluster) {
      return new OfCluster(cluster);
    }
    throw new IllegalArgumentException(
        "client must be a RedisClient, RedisSentinelClient or RedisClusterClient, but "
            + client.getClass().getName()
            + " does not say how it connects");
  }

  /**
   * Opens a connection. May take as long as the connect and read timeouts that the caller gave.
   *
   * @return the connection, ready for commands
   * @throws JedisException if no connection can be had
   */
  public abstract Opened open();

  /**
   * Tells whether a connection opened now could go to the same node. False after a failover, when
   * the demoted primary may still be answering.
   *
   * @param opened an earlier connection
   * @return whether its node is still the right one; no I/O
   */
  public abstract boolean isCurrent(Opened opened);

  /**
   * Tells whether the caller has closed the pool or client. {@link #open} may still work then.
   *
   * @return whether it is closed; no I/O
   */
  public abstract boolean isClosed();

  private static <T> T make(PooledObjectFactory<T> factory) {
    try {
      return factory.makeObject().getObject();
    } catch (JedisException e) {
      throw e;
    } catch (Exception e) {
      throw new JedisConnectionException("Could not open a connection", e);
    }
  }

  private static final class OfPool extends OwnConnections {

    private final Pool<Jedis> pool;

    OfPool(Pool<Jedis> pool) {
      this.pool = pool;
    }

    @Override
    public Opened open() {
      // Read first: should a failover come between, the connection is not taken for current.
      String node = node();
      return new Opened(make(pool.getFactory()).getConnection(), node);
    }

    @Override
    public boolean isCurrent(Opened opened) {
      return node().equals(opened.node());
    }

    @Override
    public boolean isClosed() {
      return pool.isClosed();
    }

    @SuppressWarnings("deprecation") // what most code holds, see JedisPool
    private String node() {
      return pool instanceof JedisSentinelPool sentinel
          ? String.valueOf(sentinel.getCurrentHostMaster())
          : "";
    }
  }

  private static final class OfClient extends OwnConnections {

    private final RedisClient client;

    OfClient(RedisClient client) {
      this.client = client;
    }

    @Override
    public Opened open() {
      return new Opened(make(client.getPool().getFactory()), "");
    }

    @Override
    public boolean isCurrent(Opened opened) {
      return true;
    }

    @Override
    public boolean isClosed() {
      return client.getPool().isClosed();
    }
  }

  private static final class OfSentinelClient extends OwnConnections {

    private final RedisSentinelClient client;

    OfSentinelClient(RedisSentinelClient client) {
      this.client = client;
    }

    @Override
    public Opened open() {
      // During a failover the client names the new primary a little before it has a pool for it. So
      // the connection itself is asked where it went.
      Connection connection = make(pool().getFactory());
      return new Opened(connection, String.valueOf(connection.getHostAndPort()));
    }

    @Override
    public boolean isCurrent(Opened opened) {
      return String.valueOf(client.getCurrentMaster()).equals(opened.node());
    }

    @Override
    public boolean isClosed() {
      // A failover closes the pool of the old primary, after it has put the new one in its place.
      Pool<?> pool = pool();
      return pool.isClosed() && pool == pool();
    }

    private Pool<Connection> pool() {
      return client.getPrimaryNodesConnectionMap().values().iterator().next();
    }
  }

  private static final class OfCluster extends OwnConnections {

    private final RedisClusterClient client;

    OfCluster(RedisClusterClient client) {
      this.client = client;
    }

    @Override
    public Opened open() {
      List<Map.Entry<String, ConnectionPool>> nodes =
          new ArrayList<>(client.getClusterNodes().entrySet());
      Collections.shuffle(nodes);
      @Nullable JedisException failure = null;
      for (Map.Entry<String, ConnectionPool> node : nodes) {
        try {
          return new Opened(make(node.getValue().getFactory()), node.getKey());
        } catch (JedisException e) {
          if (failure != null) {
            e.addSuppressed(failure);
          }
          failure = e;
        }
      }
      throw failure != null
          ? failure
          : new JedisConnectionException("The cluster client knows no node");
    }

    @Override
    public boolean isCurrent(Opened opened) {
      return client.getClusterNodes().containsKey(opened.node());
    }

    @Override
    public boolean isClosed() {
      Collection<ConnectionPool> pools = client.getClusterNodes().values();
      return pools.stream().allMatch(Pool::isClosed);
    }
  }
}
