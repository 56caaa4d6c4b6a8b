package io.github.redistoolkit.core;

import java.io.IOException;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.executors.CommandExecutor;
import redis.clients.jedis.util.Pool;

/**
 * A {@link UnifiedJedis} over a pool of {@link Jedis}, so that the modules are written once.
 *
 * <p>Each command borrows one connection, for the time of that command; a pipeline holds one until
 * it is closed. A connection goes back to the pool only if the stream is known to be at the start
 * of a reply, else the pool discards it. Nothing is sent at construction, and nothing is ever
 * re-sent. Closing this client leaves the pool open.
 *
 * <p>Limits: replies are decoded as RESP2 whatever the pool speaks, which differs only for sorted
 * sets with scores, random hash fields and streams, none of which the toolkit uses; {@code multi},
 * {@code scanIteration} and Jedis's own subscriptions are not available.
 *
 * <p>Thread-safe.
 */
public final class PooledClient extends UnifiedJedis {

  private static final Logger LOG = LoggerFactory.getLogger(PooledClient.class);

  private final Pool<Jedis> pool;

  private PooledClient(Pool<Jedis> pool) {
    super(new Borrowing(pool), null, RedisProtocol.RESP2, null);
    this.pool = pool;
  }

  /**
   * Returns a client that borrows from the given pool.
   *
   * @param pool where connections come from; never closed here
   * @return a new client
   * @throws NullPointerException if {@code pool} is null
   */
  public static PooledClient over(Pool<Jedis> pool) {
    return new PooledClient(Objects.requireNonNull(pool, "pool"));
  }

  /**
   * Returns the pool that this client borrows from.
   *
   * @return the pool given to {@link #over}
   */
  public Pool<Jedis> pool() {
    return pool;
  }

  /**
   * Returns for how long the pool's connections wait for a reply; borrows one to ask it.
   *
   * @return milliseconds; 0 if they wait for ever
   * @throws JedisException if there is no connection to be had
   */
  public int socketTimeoutMillis() {
    Jedis jedis = borrow(pool);
    try {
      return jedis.getConnection().getSoTimeout();
    } finally {
      giveBack(pool, jedis, Stream.ALIGNED);
    }
  }

  /**
   * Opens a pipeline on a borrowed connection, which goes back to the pool when the pipeline is
   * closed.
   */
  @Override
  public Pipeline pipelined() {
    return new BorrowedPipeline(pool, borrow(pool));
  }

  /** Does nothing: the pool belongs to whoever made it. */
  @Override
  public void close() {}

  private static Jedis borrow(Pool<Jedis> pool) {
    try {
      return pool.getResource();
    } catch (JedisException e) {
      // The pool clears the flag of a thread that is interrupted while it waits for a connection.
      if (e.getCause() instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      throw e;
    }
  }

  private static void giveBack(Pool<Jedis> pool, Jedis jedis, Stream stream) {
    if (stream == Stream.ALIGNED && !jedis.getConnection().isBroken()) {
      if (remembersItsPool(pool)) {
        jedis.close();
      } else {
        pool.returnResource(jedis);
      }
    } else {
      discard(pool, jedis);
    }
  }

  /**
   * Tells whether a Jedis of this pool holds it until it is closed. Given back in any other way, it
   * would take the pool's closing it, once it is idle too long or the pool is closed, for being
   * given back again, and its socket would stay open.
   */
  @SuppressWarnings("deprecation") // what most code holds
  private static boolean remembersItsPool(Pool<Jedis> pool) {
    return pool instanceof JedisPool || pool instanceof JedisSentinelPool;
  }

  private static void discard(Pool<Jedis> pool, Jedis jedis) {
    try {
      // Not left to the pool, for the same reason; and what was not sent yet is never sent.
      jedis.getConnection().forceDisconnect();
    } catch (IOException e) {
      LOG.debug("A discarded connection could not be closed", e);
    }
    try {
      pool.returnBrokenResource(jedis);
    } catch (JedisException e) {
      // The connection has been discarded. What failed is the new one with which commons-pool
      // replaces it at once; thrown here, that would take the place of the command's own outcome.
      LOG.debug("A discarded connection could not be replaced", e);
    }
  }

  /** Whether the next byte read from a connection starts the reply to the next command. */
  private enum Stream {
    ALIGNED,
    UNKNOWN
  }

  private record Borrowing(Pool<Jedis> pool) implements CommandExecutor {

    @Override
    public <T> T executeCommand(CommandObject<T> command) {
      Jedis jedis = borrow(pool);
      Stream stream = Stream.UNKNOWN;
      try {
        T reply = jedis.getConnection().executeCommand(command);
        stream = Stream.ALIGNED;
        return reply;
      } catch (JedisDataException e) {
        // From a primary that was demoted and left its connections open, as on a change of role
        // that no sentinel made. The next connection goes to the address as it resolves by then.
        stream = isFromReplica(e) ? Stream.UNKNOWN : Stream.ALIGNED;
        throw e;
      } finally {
        giveBack(pool, jedis, stream);
      }
    }

    private static boolean isFromReplica(JedisDataException e) {
      return e.getMessage() != null && e.getMessage().startsWith("READONLY");
    }

    @Override
    public void close() {}
  }

  private static final class BorrowedPipeline extends Pipeline {

    private final Pool<Jedis> pool;
    private final Jedis jedis;
    private boolean closed;

    BorrowedPipeline(Pool<Jedis> pool, Jedis jedis) {
      super(jedis.getConnection());
      this.pool = pool;
      this.jedis = jedis;
    }

    @Override
    public void close() {
      if (closed) {
        return;
      }
      closed = true;
      Stream stream = Stream.UNKNOWN;
      try {
        super.close();
        stream = Stream.ALIGNED;
      } finally {
        giveBack(pool, jedis, stream);
      }
    }
  }
}
