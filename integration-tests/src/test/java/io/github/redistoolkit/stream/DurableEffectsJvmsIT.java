package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.stream.EffectsChild.Care;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.h2.tools.Server;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What messages do in a database, counted there, while the JVMs that consume them are killed at
 * random.
 */
@EachClient
class DurableEffectsJvmsIT extends StreamSuite {

  static final List<String> GROUPS = List.of("billing", "shipping");

  private static final int JVMS = 4;

  private final List<ChildJvms> children = new ArrayList<>();
  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private final String database = "mem:" + UUID.randomUUID();
  private final Server server;
  private final Connection connection;

  DurableEffectsJvmsIT(TestRedis redis) throws SQLException {
    super(redis);
    // Looked at when the server starts: no other machine is to reach it.
    System.setProperty("h2.bindAddress", "127.0.0.1");
    this.server = Server.createTcpServer("-tcpPort", "0");
    this.connection = DriverManager.getConnection("jdbc:h2:" + database);
  }

  @BeforeEach
  void openDatabase() throws SQLException {
    server.start();
    try (Statement statement = connection.createStatement()) {
      // Without a key: nothing but the consumers keeps an effect from happening twice.
      statement.execute(
          "CREATE TABLE effect (topic VARCHAR(200), consumers VARCHAR(200), id VARCHAR(200))");
      statement.execute("CREATE INDEX by_message ON effect (id)");
    }
  }

  @AfterEach
  void closeDatabase() throws SQLException {
    children.forEach(ChildJvms::close);
    server.stop();
    connection.close();
  }

  private ChildJvm start(Care care) {
    ChildJvms started =
        ChildJvms.start(
            redis,
            1,
            EffectsChild.class,
            name,
            redis.mark() + "s:",
            "jdbc:h2:tcp://127.0.0.1:" + server.getPort() + "/" + database,
            care.name());
    children.add(started);
    return started.get(0);
  }

  /** How often each message had an effect, by group and id. */
  private Map<String, Integer> effects() throws SQLException {
    Map<String, Integer> effects = new HashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT consumers, id, count(*) FROM effect GROUP BY consumers, id")) {
      while (rows.next()) {
        effects.put(rows.getString(1) + " " + rows.getString(2), rows.getInt(3));
      }
    }
    return effects;
  }

  /** Publishes, and kills consumers in the middle of their work; returns what has to happen. */
  private List<String> consumeWhileJvmsAreKilled(Care care) throws Exception {
    int count = Matrix.size(800, 20_000);
    int kills = Matrix.size(4, 40);
    DurableTopic<Integer> topic = open();
    List<String> ids = IntStream.range(0, count).mapToObj(topic::publish).toList();
    List<ChildJvm> running = new ArrayList<>();
    for (int i = 0; i < JVMS; i++) {
      running.add(start(care));
    }
    int all = count * GROUPS.size();
    for (int i = 1; i <= kills; i++) {
      int some = i * all / (2 * kills);
      await("at work")
          .atMost(Duration.ofMinutes(2))
          .until(() -> effects().size(), is(greaterThan(some)));
      running.remove(random.nextInt(running.size())).kill();
      running.add(start(care));
    }
    await("all have done with it")
        .atMost(Duration.ofMinutes(Matrix.size(2, 10)))
        .until(() -> GROUPS.stream().allMatch(group -> isDone(topic, group)));
    return GROUPS.stream().flatMap(group -> ids.stream().map(id -> group + " " + id)).toList();
  }

  private static boolean isDone(DurableTopic<Integer> topic, String group) {
    return topic
        .state(group)
        .filter(state -> state.lag() == 0 && state.pending() == 0 && state.deadLetters() == 0)
        .isPresent();
  }

  private static long moreThanOnce(Map<String, Integer> effects) {
    return effects.values().stream().filter(times -> times > 1).count();
  }

  @Test
  void eachMessageHasOneEffectForEachGroupWithAnIdempotencyKey() throws Exception {
    List<String> expected = consumeWhileJvmsAreKilled(Care.KEY_AND_LOOK);
    Map<String, Integer> once =
        expected.stream().collect(Collectors.toMap(each -> each, each -> 1));
    assertThat("seed " + seed, effects(), is(once));
  }

  /** The key tells who follows one that died at work. It has to look, or it does it again. */
  @Test
  void aKeyAloneDoesNotTellWhatOneThatDiedHadDone() throws Exception {
    List<String> expected = consumeWhileJvmsAreKilled(Care.KEY);
    Map<String, Integer> effects = effects();
    List<String> missing = new ArrayList<>(expected);
    missing.removeAll(effects.keySet());
    assertThat(missing, is(empty()));
    assertThat("seed " + seed, moreThanOnce(effects), is(greaterThan(0L)));
  }

  @Test
  void theSameCatchesWhoHasNoKey() throws Exception {
    List<String> expected = consumeWhileJvmsAreKilled(Care.NONE);
    Map<String, Integer> effects = effects();
    assertThat(effects.size(), is(expected.size()));
    assertThat("seed " + seed, moreThanOnce(effects), is(greaterThan(0L)));
  }
}
