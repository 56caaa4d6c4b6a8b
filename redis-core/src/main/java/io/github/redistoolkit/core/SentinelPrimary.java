package io.github.redistoolkit.core;

import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.util.Pool;

/**
 * The primary that a {@link JedisSentinelPool} leads to, and which of its connections go there.
 *
 * <p>The pool compares the address that its factory has for new connections, which a switch has
 * already changed for the old ones too. So what a connection's socket is connected to is compared,
 * with that of a connection made after the switch: a name for the primary, or a mapper of
 * addresses, does not matter then. As long as there was no switch nothing is compared.
 *
 * <p>Thread-safe.
 */
@SuppressWarnings("deprecation") // goes with JedisPool, which is what most code holds
final class SentinelPrimary {

  private final JedisSentinelPool pool;
  private final ReentrantLock looking = new ReentrantLock();
  private volatile Seen seen;

  private SentinelPrimary(JedisSentinelPool pool) {
    this.pool = pool;
    this.seen = new Seen(name(), null);
  }

  /**
   * What is known of a primary.
   *
   * @param name what Sentinel calls it
   * @param peer what the sockets of its connections are connected to; null for the first one, for
   *     which every connection will do
   */
  private record Seen(String name, @Nullable String peer) {}

  static SentinelPrimary of(JedisSentinelPool pool) {
    return new SentinelPrimary(pool);
  }

  /** What Sentinel calls the primary of this moment; no I/O. */
  String name() {
    return String.valueOf(pool.getCurrentHostMaster());
  }

  /**
   * Tells whether a connection goes to a primary. Opens one of its own to compare with, once after
   * a switch.
   *
   * @param name the primary, as read before the connection was borrowed
   */
  boolean leadsTo(String name, Connection connection, Pool<Jedis> pool) {
    String peer = look(name, pool).peer();
    return peer == null || peer.equals(peer(connection));
  }

  private Seen look(String name, Pool<Jedis> pool) {
    Seen known = seen;
    if (known.name().equals(name)) {
      return known;
    }
    looking.lock();
    try {
      if (!seen.name().equals(name)) {
        Connection fresh = RedisAccess.make(pool.getFactory()).getConnection();
        try {
          seen = new Seen(name, peer(fresh));
        } finally {
          RedisAccess.disconnect(fresh);
        }
      }
      return seen;
    } finally {
      looking.unlock();
    }
  }

  /** The remote address that Jedis puts at the end of a connection's name. */
  private static String peer(Connection connection) {
    String identity = connection.toIdentityString();
    int at = identity.lastIndexOf(" R:");
    return at < 0 ? "" : identity.substring(at);
  }
}
