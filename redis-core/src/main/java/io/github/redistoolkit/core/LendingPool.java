package io.github.redistoolkit.core;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.apache.commons.pool2.BasePooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionPool;

/**
 * The connections of a pool of {@code Jedis} as Jedis's clients know a pool of connections: one
 * that is closed goes back to where it came from. Has none of its own. Thread-safe.
 */
final class LendingPool extends ConnectionPool {

  private final Supplier<Loan> lender;
  private final Map<Connection, Loan> lent = new ConcurrentHashMap<>();

  LendingPool(Supplier<Loan> lender) {
    super(new None(), unregistered());
    this.lender = lender;
  }

  private static GenericObjectPoolConfig<Connection> unregistered() {
    GenericObjectPoolConfig<Connection> config = new GenericObjectPoolConfig<>();
    config.setJmxEnabled(false);
    return config;
  }

  @Override
  public Connection getResource() {
    Loan loan = lender.get();
    Connection connection = loan.connection();
    lent.put(connection, loan);
    connection.setHandlingPool(this);
    return connection;
  }

  @Override
  public void returnResource(Connection connection) {
    Loan loan = lent.remove(connection);
    if (loan != null) {
      loan.giveBack();
    }
  }

  @Override
  public void returnBrokenResource(Connection connection) {
    Loan loan = lent.remove(connection);
    if (loan != null) {
      loan.discard();
    }
  }

  /** Nothing asks it for a connection: {@link #getResource} does not. */
  private static final class None extends BasePooledObjectFactory<Connection> {

    @Override
    public Connection create() {
      throw new UnsupportedOperationException("Connections are lent, not made");
    }

    @Override
    public PooledObject<Connection> wrap(Connection connection) {
      throw new UnsupportedOperationException("Connections are lent, not made");
    }
  }
}
