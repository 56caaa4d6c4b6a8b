package io.github.redistoolkit.lending;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.h2.jdbcx.JdbcConnectionPool;

/** The lending service's SQL database: H2, in memory, over JDBC. */
final class LendingDatabase implements AutoCloseable {

  private final JdbcConnectionPool connections =
      JdbcConnectionPool.create(
          "jdbc:h2:mem:" + UUID.randomUUID() + ";DB_CLOSE_DELAY=-1", "sa", "");
  private final AtomicLong userReads = new AtomicLong();

  LendingDatabase(long fundCents) {
    connections.setMaxConnections(32);
    try (Connection connection = connections.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(
          "CREATE TABLE users (id VARCHAR PRIMARY KEY, email VARCHAR NOT NULL, name VARCHAR NOT"
              + " NULL)");
      statement.execute(
          "CREATE TABLE loans (id VARCHAR PRIMARY KEY, user_id VARCHAR NOT NULL REFERENCES users,"
              + " amount BIGINT NOT NULL)");
      statement.execute(
          "CREATE TABLE payments (token BIGINT NOT NULL, loan_id VARCHAR NOT NULL REFERENCES loans,"
              + " before_cents BIGINT NOT NULL, after_cents BIGINT NOT NULL)");
      statement.execute(
          "CREATE TABLE fund (balance BIGINT NOT NULL, fencing_token BIGINT NOT NULL)");
      statement.execute("INSERT INTO fund VALUES (" + fundCents + ", 0)");
    } catch (SQLException e) {
      throw new IllegalStateException("cannot create the schema", e);
    }
  }

  void insertUser(User user) {
    update("INSERT INTO users VALUES (?, ?, ?)", user.id(), user.email(), user.name());
  }

  void renameUser(String id, String name) {
    update("UPDATE users SET name = ? WHERE id = ?", name, id);
  }

  Optional<User> findUser(String id) {
    userReads.incrementAndGet();
    return query(
            "SELECT id, email, name FROM users WHERE id = ?",
            row -> new User(row.getString(1), row.getString(2), row.getString(3)),
            id)
        .stream()
        .findFirst();
  }

  /** How often {@link #findUser} was called. */
  long userReads() {
    return userReads.get();
  }

  void insertLoan(Loan loan) {
    update("INSERT INTO loans VALUES (?, ?, ?)", loan.id(), loan.userId(), loan.amountCents());
  }

  List<Loan> loans() {
    return query("SELECT id, user_id, amount FROM loans", LendingDatabase::loan);
  }

  Optional<Loan> findLoan(String id) {
    return query("SELECT id, user_id, amount FROM loans WHERE id = ?", LendingDatabase::loan, id)
        .stream()
        .findFirst();
  }

  private static Loan loan(ResultSet row) throws SQLException {
    return new Loan(row.getString(1), row.getString(2), row.getLong(3));
  }

  /**
   * One payment, as it was written down beside the fund.
   *
   * @param token the fencing token under which it was made
   * @param beforeCents what was in the fund before, as whoever paid had read it
   * @param afterCents what was left
   */
  record Payment(long token, String loanId, long beforeCents, long afterCents) {}

  /** All payments, in the order of their tokens. */
  List<Payment> payments() {
    return query(
        "SELECT token, loan_id, before_cents, after_cents FROM payments ORDER BY token",
        row -> new Payment(row.getLong(1), row.getString(2), row.getLong(3), row.getLong(4)));
  }

  boolean isPaid(String loanId) {
    return !query("SELECT loan_id FROM payments WHERE loan_id = ?", row -> row.getString(1), loanId)
        .isEmpty();
  }

  long fundCents() {
    return query("SELECT balance FROM fund", row -> row.getLong(1)).get(0);
  }

  /**
   * Pays a loan out of the fund, whose balance the caller has read, unless a later token has
   * written.
   *
   * @throws StaleTokenException if so; nothing is written
   */
  void pay(Loan loan, long fundCents, long token) {
    long left = fundCents - loan.amountCents();
    try (Connection connection = connections.getConnection()) {
      connection.setAutoCommit(false);
      int changed =
          update(
              connection,
              "UPDATE fund SET balance = ?, fencing_token = ? WHERE fencing_token < ?",
              left,
              token,
              token);
      if (changed == 0) {
        connection.rollback();
        throw new StaleTokenException(token);
      }
      update(
          connection,
          "INSERT INTO payments VALUES (?, ?, ?, ?)",
          token,
          loan.id(),
          fundCents,
          left);
      connection.commit();
    } catch (SQLException e) {
      throw new IllegalStateException("cannot pay", e);
    }
  }

  @Override
  public void close() {
    update("SHUTDOWN");
    connections.dispose();
  }

  private void update(String sql, Object... values) {
    try (Connection connection = connections.getConnection()) {
      update(connection, sql, values);
    } catch (SQLException e) {
      throw new IllegalStateException(sql, e);
    }
  }

  private static int update(Connection connection, String sql, Object... values)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      bind(statement, values);
      return statement.executeUpdate();
    }
  }

  private <T> List<T> query(String sql, RowReader<T> reader, Object... values) {
    try (Connection connection = connections.getConnection();
        PreparedStatement statement = connection.prepareStatement(sql)) {
      bind(statement, values);
      List<T> found = new ArrayList<>();
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          found.add(reader.read(rows));
        }
      }
      return found;
    } catch (SQLException e) {
      throw new IllegalStateException(sql, e);
    }
  }

  private static void bind(PreparedStatement statement, Object... values) throws SQLException {
    for (int i = 0; i < values.length; i++) {
      statement.setObject(i + 1, values[i]);
    }
  }

  private interface RowReader<T> {
    T read(ResultSet row) throws SQLException;
  }
}
