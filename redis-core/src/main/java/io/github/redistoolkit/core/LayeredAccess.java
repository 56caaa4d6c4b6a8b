package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Collection;
import java.util.Map;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/** Through a {@link LayeredClient}: its executor for commands, and what is below for the rest. */
final class LayeredAccess extends RedisAccess {

  private final LayeredClient client;
  private final RedisAccess below;

  LayeredAccess(LayeredClient client) {
    super(JedisInternals.commands(client));
    this.client = client;
    this.below = client.below();
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
    return client.pipelined();
  }

  @Override
  public Loan borrow() {
    return below.borrow();
  }

  @Override
  Connection lend() {
    return below.lend();
  }

  @Override
  Map<?, ?> lenders() {
    return below.lenders();
  }

  @Override
  RedisProtocol protocol() {
    return below.protocol();
  }

  @Override
  Opened connect() {
    return below.connect();
  }

  @Override
  public boolean isCurrent(Opened opened) {
    return below.isCurrent(opened);
  }

  @Override
  public boolean isClosed() {
    return client.isClosed() || below.isClosed();
  }

  @Override
  public boolean resends() {
    return below.resends();
  }

  @Override
  public boolean followsFailover() {
    return below.followsFailover();
  }

  @Override
  public boolean spreadsKeys() {
    return below.spreadsKeys();
  }

  @Override
  public boolean isLayered() {
    return true;
  }

  @Override
  public Object owner() {
    return below.owner();
  }

  @Override
  public Collection<? extends Pool<?>> pools() {
    return below.pools();
  }
}
