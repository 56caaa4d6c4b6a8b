package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.h2.jdbcx.JdbcConnectionPool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Where a database transaction commits relative to the record of a request. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyDatabaseIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final JdbcConnectionPool database =
      JdbcConnectionPool.create("jdbc:h2:mem:" + UUID.randomUUID() + ";DB_CLOSE_DELAY=-1", "", "");
  private final IdempotencyService service;
  private final Request request;
  private final StoredRecord stored;

  IdempotencyDatabaseIT(TestRedis redis) {
    this.service = Services.on(redis);
    this.request = Request.of(redis.unique("key"));
    this.stored = new StoredRecord(redis.admin(), service, request.key());
  }

  @BeforeEach
  void createTable() throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE orders (request VARCHAR PRIMARY KEY, id VARCHAR NOT NULL)");
    }
  }

  @AfterEach
  void close() throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute("SHUTDOWN");
    }
    database.dispose();
  }

  /** One transaction, over when it returns. */
  private String insertOrder(String id) throws SQLException {
    try (Connection connection = database.getConnection()) {
      connection.setAutoCommit(false);
      insert(connection, id);
      connection.commit();
      return id;
    }
  }

  private void insert(Connection connection, String id) throws SQLException {
    try (PreparedStatement insert =
        connection.prepareStatement("INSERT INTO orders VALUES (?, ?)")) {
      insert.setString(1, request.key());
      insert.setString(2, id);
      assertThat(insert.executeUpdate(), is(1));
    }
  }

  private List<String> orders() throws SQLException {
    try (Connection connection = database.getConnection();
        PreparedStatement select =
            connection.prepareStatement("SELECT id FROM orders WHERE request = ?")) {
      select.setString(1, request.key());
      List<String> ids = new ArrayList<>();
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          ids.add(rows.getString(1));
        }
      }
      return ids;
    }
  }

  /** What the documentation tells users to write. */
  private String order(Claim<String> claim, String id) throws SQLException {
    if (claim.attempt() > 1) {
      List<String> committed = orders();
      if (!committed.isEmpty()) {
        return committed.get(0);
      }
    }
    return insertOrder(id);
  }

  @Test
  void aCrashAfterTheCommitLeavesOneOrderWhichTheNextCallerFinds() throws SQLException {
    Claim<String> crashing = service.begin(request, TEXT);
    assertThat(order(crashing, "first"), is("first"));
    stored.passLease(); // it never came to complete the claim

    Execution<String> next = service.executeChecked(request, TEXT, claim -> order(claim, "second"));
    assertThat(next, is(new Execution<>("first", false, 2)));
    assertThat(orders(), contains("first"));
    assertThat(
        service.executeChecked(request, TEXT, claim -> order(claim, "third")),
        is(new Execution<>("first", true, 2)));
  }

  @Test
  void aCrashBeforeTheCommitLeavesNoOrderAndTheNextCallerMakesIt() throws SQLException {
    stored.passLeaseOf(service.begin(request, TEXT));
    Execution<String> next = service.executeChecked(request, TEXT, claim -> order(claim, "second"));
    assertThat(next, is(new Execution<>("second", false, 2)));
    assertThat(orders(), contains("second"));
  }

  @Test
  void aTransactionThatIsRolledBackFreesTheKey() throws SQLException {
    assertThat(insertOrder("already there"), is("already there"));
    assertThrows(
        SQLException.class,
        () -> service.executeChecked(request, TEXT, claim -> insertOrder("again")));
    assertThat(service.isDuplicate(request.key()), is(false));
  }

  @Test
  void aClaimInsideATransactionIsCompletedAfterTheCommit() throws SQLException {
    try (Connection connection = database.getConnection();
        Claim<String> claim = service.begin(request, TEXT)) {
      connection.setAutoCommit(false);
      insert(connection, "own");
      connection.commit();
      claim.complete("own");
    }
    assertThat(service.begin(request, TEXT).result(), is("own"));
    assertThat(orders(), contains("own"));
  }

  /** Why not the other way round. */
  @Test
  void aResultRecordedBeforeARollbackIsReplayedWithoutAnOrder() throws SQLException {
    try (Connection connection = database.getConnection()) {
      connection.setAutoCommit(false);
      service.executeChecked(
          request,
          TEXT,
          claim -> {
            insert(connection, "lost");
            return "lost";
          });
      connection.rollback();
    }
    assertThat(service.begin(request, TEXT).result(), is("lost"));
    assertThat(orders(), is(empty()));
  }
}
