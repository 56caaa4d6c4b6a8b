package io.github.redistoolkit.core;

import java.util.Map;
import java.util.Objects;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.executors.CommandExecutor;
import redis.clients.jedis.providers.ConnectionProvider;

/**
 * A client over somebody's pool or client, whose commands go through an executor of our own.
 * Pipelines, transactions, subscriptions and scans take a connection from below, as they would
 * without it. {@link RedisAccess#of(UnifiedJedis)} knows it.
 *
 * <p>It makes its commands as the client below does: with its key prefix, JSON mapper and protocol.
 * Closing it refuses further calls and leaves what is below open. Thread-safe.
 */
public final class LayeredClient extends UnifiedJedis {

  private final Layer layer;

  /**
   * Lays a client over a pool or client of one server.
   *
   * @param below where connections come from; its protocol is asked for
   * @param executor what runs the commands
   * @throws JedisException if the pool's protocol can be learnt from none of its connections
   */
  public LayeredClient(RedisAccess below, CommandExecutor executor) {
    this(new Layer(below, executor));
  }

  private LayeredClient(Layer layer) {
    super(layer, layer.below.protocol());
    this.layer = layer;
    JedisInternals.makeAlike(commandObjects, layer.below.commands());
  }

  /**
   * Tells whether a command brings code of its own for the connection that it is sent on, which
   * Jedis 8 runs before.
   *
   * @param command the command
   * @return whether it must be run by {@link Connection#executeCommand(CommandObject)}
   */
  public static boolean hasHooks(CommandObject<?> command) {
    return JedisInternals.hasHooks(command);
  }

  RedisAccess below() {
    return layer.below;
  }

  boolean isClosed() {
    return layer.closed;
  }

  /**
   * What Jedis asks for connections. For a command it gets one that hands it to the executor; this
   * way in is the same in all versions, while the constructors that take an executor differ.
   */
  private static final class Layer implements ConnectionProvider {

    final RedisAccess below;
    private final Connection front;
    private volatile boolean closed;

    Layer(RedisAccess below, CommandExecutor executor) {
      this.below = Objects.requireNonNull(below, "below");
      this.front = new Front(executor);
    }

    @Override
    public Connection getConnection() {
      requireOpen();
      return below.lend();
    }

    @Override
    public Connection getConnection(CommandArguments command) {
      requireOpen();
      return front;
    }

    @Override
    public Map<?, ?> getConnectionMap() {
      requireOpen();
      return below.lenders();
    }

    @Override
    public Map<?, ?> getPrimaryNodesConnectionMap() {
      return getConnectionMap();
    }

    /** As a closed pool says it, so that it is known that nothing was sent. */
    private void requireOpen() {
      if (closed) {
        throw new JedisException(
            "Could not get a resource from the pool",
            new IllegalStateException("This client has been closed"));
      }
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  /** Stands for whatever connection a command will go through. Has no state, and no socket. */
  private static final class Front extends Connection {

    private final CommandExecutor executor;

    Front(CommandExecutor executor) {
      this.executor = Objects.requireNonNull(executor, "executor");
    }

    @Override
    public <T> T executeCommand(CommandObject<T> command) {
      return executor.executeCommand(command);
    }

    @Override
    public void close() {}
  }
}
