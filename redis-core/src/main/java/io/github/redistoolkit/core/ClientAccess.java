package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Map;
import java.util.Objects;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.executors.DefaultCommandExecutor;
import redis.clients.jedis.providers.ConnectionProvider;

/** Through a client, which borrows and gives back by itself. */
abstract sealed class ClientAccess extends RedisAccess
    permits ServerAccess, SentinelAccess, ClusterAccess {

  private static final EventLog LOG = EventLog.shared(ClientAccess.class);

  final UnifiedJedis client;
  private final boolean resends;

  ClientAccess(UnifiedJedis client) {
    super(JedisInternals.commands(client));
    this.client = client;
    this.resends = JedisInternals.executor(client).getClass() != DefaultCommandExecutor.class;
  }

  @Override
  @CanIgnoreReturnValue
  public <T> T execute(CommandObject<T> command) {
    try {
      return client.executeCommand(command);
    } catch (JedisException e) {
      keepInterrupt(e);
      throw explained(e);
    }
  }

  @Override
  public AbstractPipeline pipelined() {
    try {
      return Objects.requireNonNull(client.pipelined());
    } catch (JedisException e) {
      keepInterrupt(e);
      throw e;
    }
  }

  @Override
  public final Loan borrow() {
    return new ClientLoan(lend());
  }

  /** A connection that knows the pool that it came from. */
  record ClientLoan(Connection connection) implements Loan {

    @Override
    public void giveBack() {
      if (connection.isBroken()) {
        discard();
      } else {
        connection.close();
      }
    }

    @Override
    public void discard() {
      RedisAccess.disconnect(connection);
      connection.setBroken();
      try {
        connection.close();
      } catch (JedisException e) {
        // What failed is the connection that replaces it at once, not what it was used for.
        LOG.debug(e, "A discarded connection could not be replaced");
      }
    }
  }

  @Override
  Connection lend() {
    try {
      return provider().getConnection();
    } catch (JedisException e) {
      keepInterrupt(e);
      throw e;
    }
  }

  @Override
  Map<?, ?> lenders() {
    return provider().getConnectionMap();
  }

  private ConnectionProvider provider() {
    return Objects.requireNonNull(JedisInternals.provider(client));
  }

  @Override
  RedisProtocol protocol() {
    return JedisInternals.protocol(commands());
  }

  @Override
  public final boolean resends() {
    return resends;
  }

  @Override
  public final Object owner() {
    return client;
  }

  @Override
  public final boolean cachesReads() {
    return client.getCache() != null;
  }
}
