package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionPool;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.providers.SentineledConnectionProvider;
import redis.clients.jedis.util.Pool;

/**
 * Through a client that asks Sentinel for the primary. At a failover it closes the pool of the old
 * one, after it has put a new one in its place; connections that were borrowed are closed when they
 * come back.
 */
final class SentinelAccess extends ClientAccess {

  private final SentineledConnectionProvider provider;

  SentinelAccess(UnifiedJedis client, SentineledConnectionProvider provider) {
    super(client);
    this.provider = provider;
  }

  @Override
  @CanIgnoreReturnValue
  public <T> T execute(CommandObject<T> command) {
    return acrossFailover(() -> super.execute(command));
  }

  @Override
  public AbstractPipeline pipelined() {
    return acrossFailover(super::pipelined);
  }

  @Override
  Connection lend() {
    return acrossFailover(super::lend);
  }

  /** Not the provider's own: in Jedis 7.0 that is a borrowed connection which nobody gives back. */
  @Override
  Map<?, ?> lenders() {
    return Map.of("the primary", pool());
  }

  /**
   * Makes a call with the next pool if the one that it waited for was closed by a failover.
   *
   * <p>Closing a pool, commons-pool interrupts the threads that wait for it, some of them as they
   * stop waiting. It cannot be told from an interrupt by somebody else; one that comes while the
   * pool is replaced is taken for the pool's.
   */
  private <T extends @Nullable Object> T acrossFailover(Supplier<T> call) {
    boolean interruptedBefore = Thread.currentThread().isInterrupted();
    while (true) {
      ConnectionPool before = pool();
      try {
        return call.get();
      } catch (JedisException e) {
        if (interruptedBefore || !wasReplaced(before) || !neverLeft(e)) {
          throw e;
        }
      } finally {
        if (!interruptedBefore && wasReplaced(before)) {
          boolean unused = Thread.interrupted();
        }
      }
    }
  }

  private boolean wasReplaced(ConnectionPool pool) {
    return pool != pool() && !pool().isClosed();
  }

  /** Whether a call failed for want of a connection, by an interrupt or since its pool closed. */
  private static boolean neverLeft(JedisException failure) {
    return Failures.isInterrupt(failure) || failure.getCause() instanceof IllegalStateException;
  }

  @Override
  Opened connect() {
    // During a failover the client names the new primary a little before it has a pool for it. So
    // the pool itself is what tells one primary from the next.
    ConnectionPool pool = pool();
    return new Opened(make(pool.getFactory()), nameOf(pool));
  }

  @Override
  public boolean isCurrent(Opened opened) {
    return nameOf(pool()).equals(opened.node());
  }

  /** Tells a pool from those before and after it. */
  private static String nameOf(ConnectionPool pool) {
    return "pool " + Integer.toHexString(System.identityHashCode(pool));
  }

  @Override
  public boolean isClosed() {
    ConnectionPool pool = pool();
    return pool.isClosed() && pool == pool();
  }

  @Override
  public boolean followsFailover() {
    return true;
  }

  @Override
  public boolean spreadsKeys() {
    return false;
  }

  @Override
  public Collection<? extends Pool<?>> pools() {
    return List.of(pool());
  }

  private ConnectionPool pool() {
    return JedisInternals.pool(provider);
  }
}
