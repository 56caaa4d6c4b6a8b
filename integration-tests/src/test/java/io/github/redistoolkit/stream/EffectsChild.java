package io.github.redistoolkit.stream;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.Request;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;

/**
 * A JVM that consumes a topic of numbers for two groups until it is killed or its parent ends. Each
 * message has an effect: a row in a database.
 *
 * <p>Of arguments, it gets the topic, its prefix, the database and {@link Care}.
 */
final class EffectsChild {

  /** How the effect of a message is kept from happening twice. */
  enum Care {
    /** Not at all. */
    NONE,
    /** By an idempotency key alone. */
    KEY,
    /** By an idempotency key; who follows one that died looks for what it has done. */
    KEY_AND_LOOK
  }

  private final String topic;
  private final String database;
  private final Care care;

  private EffectsChild(String topic, String database, Care care) {
    this.topic = topic;
    this.database = database;
    this.care = care;
  }

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    String name = args[2];
    String prefix = args[3];
    EffectsChild effects = new EffectsChild(name, args[4], Care.valueOf(args[5]));
    try (TestRedis redis = child.redis();
        DurableTopic<Integer> topic =
            redis
                .over(
                    pool -> DurableTopic.builder(pool, name, Integer.class),
                    client -> DurableTopic.builder(client, name, Integer.class))
                .prefix(prefix)
                .lease(StreamSuite.LEASE)
                .retryDelay(Duration.ofMillis(100))
                .maxDeliveries(100)
                .concurrency(4)
                .build()) {
      for (String group : DurableEffectsJvmsIT.GROUPS) {
        // The topic and the group are in its name, the id of the message is the key.
        String operation = name.replace(':', '-') + "-" + group;
        IdempotencyService.Builder once =
            redis.over(
                pool -> IdempotencyService.builder(pool, operation),
                client -> IdempotencyService.builder(client, operation));
        effects.consume(
            topic,
            group,
            once.prefix(prefix)
                .ttl(Duration.ofHours(1))
                .lease(StreamSuite.LEASE)
                .keepAlive(Duration.ofMinutes(1))
                // Until one that died has lost its claim: in a lease of the message that is
                // renewed.
                .maxWait(Duration.ofMinutes(1))
                .build());
      }
      Thread.sleep(Duration.ofHours(1).toMillis());
    }
  }

  private void consume(DurableTopic<Integer> messages, String group, IdempotencyService once) {
    messages.subscribe(
        group,
        From.start(),
        message -> {
          if (care == Care.NONE) {
            happen(group, message.id());
          } else {
            var unused =
                once.executeChecked(
                    Request.of(message.id()),
                    TypeToken.get(String.class),
                    claim -> {
                      boolean done =
                          care == Care.KEY_AND_LOOK
                              && claim.attempt() > 1
                              && hasHappened(group, message.id());
                      if (!done) {
                        happen(group, message.id());
                      }
                      return message.id();
                    });
          }
        });
  }

  /** The effect, and time to be killed before anybody else learns of it. */
  private void happen(String group, String id) throws SQLException, InterruptedException {
    try (Connection connection = DriverManager.getConnection(database);
        PreparedStatement insert =
            connection.prepareStatement("INSERT INTO effect VALUES (?, ?, ?)")) {
      insert.setString(1, topic);
      insert.setString(2, group);
      insert.setString(3, id);
      int unused = insert.executeUpdate();
    }
    Thread.sleep(20);
  }

  private boolean hasHappened(String group, String id) throws SQLException {
    try (Connection connection = DriverManager.getConnection(database);
        PreparedStatement select =
            connection.prepareStatement(
                "SELECT 1 FROM effect WHERE topic = ? AND consumers = ? AND id = ?")) {
      select.setString(1, topic);
      select.setString(2, group);
      select.setString(3, id);
      try (ResultSet rows = select.executeQuery()) {
        return rows.next();
      }
    }
  }
}
