package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Objects;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.executors.DefaultCommandExecutor;

/** Through a client, which borrows and gives back by itself. */
abstract sealed class ClientAccess extends RedisAccess
    permits ServerAccess, SentinelAccess, ClusterAccess {

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
