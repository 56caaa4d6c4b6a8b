package io.github.redistoolkit.testing;

import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.providers.ConnectionProvider;
import redis.clients.jedis.util.Pool;

/** The commands of a pool's connections, so that a test is written once for pools and clients. */
final class PoolClient extends UnifiedJedis {

  private final Pool<Jedis> pool;

  PoolClient(Pool<Jedis> pool) {
    super(new Lender(pool), RedisProtocol.RESP2);
    this.pool = pool;
  }

  @Override
  public AbstractPipeline pipelined() {
    Jedis jedis = pool.getResource();
    return new Pipeline(jedis.getConnection()) {
      private boolean closed;

      @Override
      public void close() {
        if (!closed) {
          closed = true;
          super.close();
          jedis.close();
        }
      }
    };
  }

  /** Does nothing: the pool belongs to the bed. */
  @Override
  public void close() {}

  private record Lender(Pool<Jedis> pool) implements ConnectionProvider {
    @Override
    public Connection getConnection() {
      return new Lent(pool);
    }

    @Override
    public Connection getConnection(CommandArguments args) {
      return getConnection();
    }

    @Override
    public void close() {}
  }

  /** Stands for whatever connection the pool lends for one command. */
  private static final class Lent extends Connection {
    private final Pool<Jedis> pool;

    Lent(Pool<Jedis> pool) {
      this.pool = pool;
    }

    @Override
    public <T> T executeCommand(CommandObject<T> command) {
      try (Jedis jedis = pool.getResource()) {
        return jedis.getConnection().executeCommand(command);
      }
    }

    @Override
    public void close() {}
  }
}
