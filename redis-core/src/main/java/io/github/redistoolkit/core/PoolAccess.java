package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * Through a pool of {@link Jedis}.
 *
 * <p>A connection goes back to the pool only if the stream is known to be at the start of a reply,
 * and its server still the one to ask; else the pool discards it. Nothing is ever sent again.
 *
 * <p>Limit: replies are decoded as RESP2 whatever the pool speaks, which differs only for sorted
 * sets with scores, random hash fields and streams, none of which go this way.
 */
final class PoolAccess extends RedisAccess {

  private static final EventLog LOG = EventLog.shared(PoolAccess.class);

  private final Pool<Jedis> pool;
  private final @Nullable SentinelPrimary primary;
  private final LendingPool lending = new LendingPool(this::borrow);

  private PoolAccess(Pool<Jedis> pool, @Nullable SentinelPrimary primary) {
    super(JedisInternals.newCommands());
    this.pool = pool;
    this.primary = primary;
  }

  @SuppressWarnings("deprecation") // what most code holds, see JedisPool
  static PoolAccess over(Pool<Jedis> pool) {
    return new PoolAccess(
        pool, pool instanceof JedisSentinelPool sentinel ? SentinelPrimary.of(sentinel) : null);
  }

  @Override
  @CanIgnoreReturnValue
  public <T> T execute(CommandObject<T> command) {
    Borrowed borrowed = take();
    Stream stream = Stream.UNKNOWN;
    try {
      T reply = borrowed.jedis.getConnection().executeCommand(command);
      stream = Stream.ALIGNED;
      return reply;
    } catch (JedisDataException e) {
      // From a primary that was demoted and left its connections open, as on a change of role
      // that no sentinel made. The next connection goes to the address as it resolves by then.
      stream = Failures.code(e).equals("READONLY") ? Stream.UNKNOWN : Stream.ALIGNED;
      throw explained(e);
    } finally {
      giveBack(borrowed, stream);
    }
  }

  @Override
  public AbstractPipeline pipelined() {
    return new BorrowedPipeline(this, take());
  }

  @Override
  public Loan borrow() {
    Borrowed borrowed = take();
    return new Loan() {
      @Override
      public Connection connection() {
        return borrowed.jedis.getConnection();
      }

      @Override
      public void giveBack() {
        PoolAccess.this.giveBack(borrowed, Stream.ALIGNED);
      }

      @Override
      public void discard() {
        PoolAccess.this.giveBack(borrowed, Stream.UNKNOWN);
      }
    };
  }

  @Override
  Connection lend() {
    return lending.getResource();
  }

  @Override
  Map<?, ?> lenders() {
    return Map.of("the one server", lending);
  }

  @Override
  RedisProtocol protocol() {
    JedisClientConfig config = JedisInternals.config(pool.getFactory());
    RedisProtocol set = config == null ? null : config.getRedisProtocol();
    if (set == RedisProtocol.RESP2 || set == RedisProtocol.RESP3) {
      return set;
    }
    Loan loan = borrow();
    try {
      RedisProtocol spoken = loan.connection().getRedisProtocol();
      return spoken == RedisProtocol.RESP3 ? RedisProtocol.RESP3 : RedisProtocol.RESP2;
    } finally {
      loan.giveBack();
    }
  }

  @Override
  Opened connect() {
    // Read first: should a failover come between, the connection is not taken for current.
    String node = node();
    return new Opened(make(pool.getFactory()).getConnection(), node);
  }

  @Override
  public boolean isCurrent(Opened opened) {
    return node().equals(opened.node());
  }

  private String node() {
    return primary == null ? "" : primary.name();
  }

  @Override
  public boolean isClosed() {
    return pool.isClosed();
  }

  @Override
  public boolean resends() {
    return false;
  }

  @Override
  public boolean followsFailover() {
    return primary != null;
  }

  @Override
  public boolean spreadsKeys() {
    return false;
  }

  @Override
  public Object owner() {
    return pool;
  }

  @Override
  public Collection<? extends Pool<?>> pools() {
    return List.of(pool);
  }

  /** Whether the next byte read from a connection starts the reply to the next command. */
  private enum Stream {
    ALIGNED,
    UNKNOWN
  }

  /**
   * A connection of the pool.
   *
   * @param primary the name of Sentinel's primary before it was borrowed
   */
  private record Borrowed(Jedis jedis, String primary) {}

  private Borrowed take() {
    try {
      if (primary == null) {
        return new Borrowed(pool.getResource(), "");
      }
      return borrowFromPrimary(primary);
    } catch (JedisException e) {
      keepInterrupt(e);
      throw e;
    }
  }

  /**
   * Passes over connections to a primary that was demoted. The pool closes those that are idle when
   * it hears of a new one, but takes back those that were borrowed then.
   */
  private Borrowed borrowFromPrimary(SentinelPrimary primary) {
    // Connections to a name with several addresses never look the same. Each connection that there
    // can have been is passed over once; the next is new.
    for (int most = pool.getNumIdle() + pool.getNumActive(); ; most--) {
      String name = primary.name();
      Jedis jedis = pool.getResource();
      boolean led = false;
      try {
        led = primary.leadsTo(name, jedis.getConnection(), pool) || most <= 0;
      } finally {
        if (!led) {
          discard(jedis);
        }
      }
      if (led) {
        return new Borrowed(jedis, name);
      }
    }
  }

  private void giveBack(Borrowed borrowed, Stream stream) {
    Jedis jedis = borrowed.jedis;
    if (stream == Stream.ALIGNED
        && !jedis.getConnection().isBroken()
        && borrowed.primary.equals(node())) {
      if (remembersItsPool(pool)) {
        jedis.close();
      } else {
        pool.returnResource(jedis);
      }
    } else {
      discard(jedis);
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

  private void discard(Jedis jedis) {
    // Not left to the pool, for the same reason; and what was not sent yet is never sent.
    disconnect(jedis.getConnection());
    try {
      pool.returnBrokenResource(jedis);
    } catch (JedisException e) {
      // The connection has been discarded. What failed is the new one with which commons-pool
      // replaces it at once; thrown here, that would take the place of the command's own outcome.
      LOG.debug(e, "A discarded connection could not be replaced");
    }
  }

  private static final class BorrowedPipeline extends Pipeline {

    private final PoolAccess access;
    private final Borrowed borrowed;
    private boolean closed;

    BorrowedPipeline(PoolAccess access, Borrowed borrowed) {
      super(borrowed.jedis.getConnection());
      this.access = access;
      this.borrowed = borrowed;
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
        access.giveBack(borrowed, stream);
      }
    }
  }
}
