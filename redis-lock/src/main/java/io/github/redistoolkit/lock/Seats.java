package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.PooledClient;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionPool;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.RedisSentinelClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * The connections of one pool or client that waiters may hold blocked in Redis: a quarter of what
 * the pool may have, and none while more than half of them are borrowed. Else waiters would take
 * the connection that the holder needs for its release.
 *
 * <p>All locks over one pool share its seats, which vanish with the pool. A client that does not
 * show its pools has none. Thread-safe.
 */
final class Seats {

  /** A block of 500 ms, which Redis may end up to 120 ms late. */
  private static final long LONGEST_WAIT_MILLIS = 620;

  private static final int UNKNOWN = -1;

  private static final Map<Object, Shared> SHARED =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final UnifiedJedis client;
  private final Shared shared;

  private Seats(UnifiedJedis client, Shared shared) {
    this.client = client;
    this.shared = shared;
  }

  /** Returns the seats of a client, the same ones for all clients over the same pool. */
  static Seats of(UnifiedJedis client) {
    Object owner = client instanceof PooledClient pooled ? pooled.pool() : client;
    return new Seats(client, SHARED.computeIfAbsent(owner, unseen -> new Shared()));
  }

  /** Takes a seat if there is one; whoever got it must {@link #leave}. */
  boolean tryTake() {
    int seated = shared.taken.incrementAndGet();
    Collection<? extends Pool<?>> pools = pools();
    if (!pools.isEmpty() && pools.stream().allMatch(pool -> hasRoom(pool, seated))) {
      return true;
    }
    leave();
    return false;
  }

  /** Gives a taken seat back. */
  void leave() {
    shared.taken.decrementAndGet();
  }

  /** For how long a waiter may wait for an answer without running into its socket's timeout. */
  long longestWaitMillis() {
    int timeout = shared.socketTimeoutMillis;
    if (timeout == UNKNOWN) {
      timeout = socketTimeoutMillis();
      shared.socketTimeoutMillis = timeout;
    }
    return timeout > 0 ? Math.min(timeout, LONGEST_WAIT_MILLIS) : LONGEST_WAIT_MILLIS;
  }

  /** What the connections of all its pools have in common, which none of the pools tells. */
  private int socketTimeoutMillis() {
    for (Pool<?> pool : pools()) {
      // Hardly ever is there none, and then the next waiter asks.
      if (pool.getNumIdle() > 0) {
        if (client instanceof PooledClient pooled) {
          return pooled.socketTimeoutMillis();
        }
        if (pool instanceof ConnectionPool connections) {
          try (Connection connection = connections.getResource()) {
            return connection.getSoTimeout();
          }
        }
      }
    }
    return UNKNOWN;
  }

  private static boolean hasRoom(Pool<?> pool, int seated) {
    int most = pool.getMaxTotal();
    return most < 0 || (seated <= most / 4 && pool.getNumActive() <= most / 2);
  }

  /** The pools of which one carries the waiter, in a Cluster those of all nodes. */
  private Collection<? extends Pool<?>> pools() {
    if (client instanceof PooledClient pooled) {
      return List.of(pooled.pool());
    }
    if (client instanceof RedisClient redis) {
      return List.of(redis.getPool());
    }
    if (client instanceof RedisSentinelClient sentinel) {
      return sentinel.getPrimaryNodesConnectionMap().values();
    }
    if (client instanceof RedisClusterClient cluster) {
      return cluster.getClusterNodes().values();
    }
    return List.of();
  }

  private static final class Shared {
    private final AtomicInteger taken = new AtomicInteger();
    private volatile int socketTimeoutMillis = UNKNOWN;
  }
}
