package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.RedisAccess;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicInteger;
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

  private final RedisAccess redis;
  private final Shared shared;

  private Seats(RedisAccess redis, Shared shared) {
    this.redis = redis;
    this.shared = shared;
  }

  /** Returns the seats of a client, the same ones for all clients over the same pool. */
  static Seats of(RedisAccess redis) {
    return new Seats(redis, SHARED.computeIfAbsent(redis.owner(), unseen -> new Shared()));
  }

  /** Takes a seat if there is one; whoever got it must {@link #leave}. */
  boolean tryTake() {
    int seated = shared.taken.incrementAndGet();
    Collection<? extends Pool<?>> pools = redis.pools();
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
    // Hardly ever is none of them idle, and then the next waiter asks.
    return redis.pools().stream().anyMatch(pool -> pool.getNumIdle() > 0)
        ? redis.socketTimeoutMillis()
        : UNKNOWN;
  }

  private static boolean hasRoom(Pool<?> pool, int seated) {
    int most = pool.getMaxTotal();
    return most < 0 || (seated <= most / 4 && pool.getNumActive() <= most / 2);
  }

  private static final class Shared {
    private final AtomicInteger taken = new AtomicInteger();
    private volatile int socketTimeoutMillis = UNKNOWN;
  }
}
