package io.github.redistoolkit.core;

import java.util.Collection;
import java.util.List;
import redis.clients.jedis.Connection;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.providers.PooledConnectionProvider;
import redis.clients.jedis.util.Pool;

/** Through a client of one server. */
final class ServerAccess extends ClientAccess {

  private final Pool<Connection> pool;

  ServerAccess(UnifiedJedis client, PooledConnectionProvider provider) {
    super(client);
    this.pool = provider.getPool();
  }

  @Override
  Opened connect() {
    return new Opened(make(pool.getFactory()), "");
  }

  @Override
  public boolean isCurrent(Opened opened) {
    return true;
  }

  @Override
  public boolean isClosed() {
    return pool.isClosed();
  }

  @Override
  public boolean followsFailover() {
    return false;
  }

  @Override
  public boolean spreadsKeys() {
    return false;
  }

  @Override
  public Collection<? extends Pool<?>> pools() {
    return List.of(pool);
  }
}
