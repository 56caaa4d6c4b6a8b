package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.resps.AccessControlLogEntry;

/** Credentials and permissions. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubAccessIT extends PubSubSuite {

  private static final String PASSWORD = "for-this-test-only";

  private final String user;
  private final String allowed;
  private final String forbidden;

  PubSubAccessIT(TestRedis redis) {
    super(redis);
    this.user = redis.unique("user");
    this.allowed = redis.unique("allowed");
    this.forbidden = redis.unique("forbidden");
  }

  private void acl(String... rules) {
    wire.atEach(jedis -> assertThat(jedis.aclSetUser(user, rules), is("OK")));
  }

  @BeforeEach
  void makeUser() {
    acl("reset", "on", ">" + PASSWORD, "+@all", "~*", "&" + allowed + "*");
  }

  @AfterEach
  void deleteUser() {
    wire.atEach(jedis -> assertThat(jedis.aclDelUser(user), is(1L)));
  }

  private TestRedis asUser() {
    return redis.with(config -> config.user(user).password(PASSWORD));
  }

  @Test
  void connectsWithTheCredentialsNameAndDatabaseOfThePoolOrClient() {
    int database = redis.topology() == Topology.CLUSTER ? 0 : 3; // a cluster has but one
    try (TestRedis client = asUser().with(config -> config.database(database));
        RedisPubSub pubSub = builder(client).build()) {
      pubSub.subscribe(allowed, String.class, message -> {});
      assertTheOneConnectionIs(client, database);
      assertThat(client.killClients("pubsub"), is(1));
      Wire.await("back").until(() -> recorder.gaps, hasSize(1));
      assertTheOneConnectionIs(client, database);
    }
  }

  private void assertTheOneConnectionIs(TestRedis client, int database) {
    assertThat(
        wire.connections(),
        contains(
            allOf(
                containsString(" name=" + client.clientName() + " "),
                containsString(" user=" + user + " "),
                containsString(" db=" + database + " "),
                containsString(" resp=2"))));
  }

  @Test
  void aRefusedSubscriptionFailsAloneAndLeavesNothing() {
    List<String> received = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = builder(asUser()).build()) {
      pubSub.subscribe(allowed, String.class, message -> received.add(message.body()));
      for (int i = 0; i < 3; i++) {
        assertThrows(
            JedisAccessControlException.class,
            () -> pubSub.subscribe(forbidden, String.class, message -> {}));
        assertThrows(
            JedisAccessControlException.class,
            () -> pubSub.subscribePattern("*", String.class, message -> {}));
      }
      pubSub.publish(allowed, "unharmed");
      Wire.await("received").until(() -> received.contains("unharmed"));
      assertThat(wire.subscribers(forbidden), is(0L));

      acl("&" + forbidden);
      pubSub.subscribe(forbidden, String.class, message -> received.add(message.body()));
      pubSub.publish(forbidden, "now allowed");
      Wire.await("received").until(() -> received.contains("now allowed"));
    }
    assertThat(recorder.failures, is(empty()));
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void ofManySubscriptionsAtOnceOnlyThoseFailThatAreRefused() throws Exception {
    int perThread = 50;
    try (RedisPubSub pubSub = builder(asUser()).build()) {
      List<Future<List<String>>> work = new ArrayList<>();
      List<String> expected = new ArrayList<>();
      for (int t = 0; t < 8; t++) {
        String own = ":" + t + ":";
        work.add(threads.submit(() -> subscribeToWhatIsAllowed(pubSub, own, perThread)));
        for (int i = 0; i < perThread; i++) {
          expected.add(allowed + own + i);
        }
      }
      List<String> confirmed = new ArrayList<>();
      for (Future<List<String>> each : work) {
        confirmed.addAll(each.get());
      }
      Collections.sort(confirmed);
      Collections.sort(expected);
      assertThat(confirmed, is(expected));
      assertThat(wire.channels(allowed + "*"), is(expected));
      assertThat(wire.channels(forbidden + "*"), is(empty()));
      assertThat(wire.patterns(), is(0L));
    }
    assertThat(recorder.failures, is(empty()));
    assertThat(recorder.connection, is(empty()));
  }

  /** And to as much that is not, by turns. */
  private List<String> subscribeToWhatIsAllowed(RedisPubSub pubSub, String own, int count) {
    List<String> confirmed = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String refused = forbidden + own + i;
      assertThrows(
          JedisAccessControlException.class,
          () -> {
            if (refused.endsWith("0")) {
              pubSub.subscribePattern(refused + "*", String.class, message -> {});
            } else {
              pubSub.subscribe(refused, String.class, message -> {});
            }
          });
      confirmed.add(pubSub.subscribe(allowed + own + i, String.class, message -> {}).topic());
    }
    return confirmed;
  }

  @Test
  void aResubscriptionThatIsRefusedIsReportedOnceAndHealsWhenAllowedAgain() {
    acl("&" + forbidden);
    List<String> received = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = beating(Duration.ofMillis(200)).build()) {
      pubSub.subscribe(allowed, String.class, message -> received.add(message.body()));
      Subscription withdrawn =
          pubSub.subscribe(forbidden, String.class, message -> received.add(message.body()));

      // Redis itself kills connections that hold what they may no longer have.
      acl("resetchannels", "&" + allowed + "*");
      Wire.await("reported").until(() -> recorder.failures, hasSize(1));
      Wire.await("back").until(() -> recorder.gaps, hasSize(1));
      pubSub.publish(allowed, "unharmed");
      Wire.await("received").until(() -> received.contains("unharmed"));
      assertThat(withdrawn.isActive(), is(true));
      assertThat(
          assertThrows(
                  JedisAccessControlException.class,
                  () -> pubSub.subscribe(forbidden, String.class, message -> {}))
              .getMessage(),
          containsString("NOPERM"));

      long refused = denials(forbidden);
      Wire.await("attempted again").until(() -> denials(forbidden) >= refused + 2);
      acl("&" + forbidden);
      Wire.await("healed").until(() -> wire.subscribers(forbidden) == 1);
      Wire.await("received")
          .until(
              () -> {
                redis.admin().publish(forbidden, "\"healed\"");
                return received.contains("healed");
              });
    }
    assertThat(recorder.failures, hasSize(1));
    assertThat(recorder.failures.get(0).channel(), is(forbidden));
    assertThat(recorder.failures.get(0).payload(), is(""));
    assertThat(recorder.failures.get(0).error(), is(instanceOf(JedisAccessControlException.class)));
    // The second return is that of the one that was refused meanwhile.
    Wire.await("all are back")
        .until(() -> recorder.connection, is(List.of("lost", "back", "back")));
  }

  @Test
  void wrongCredentialsAreTheCauseOfTheTimeout() {
    Duration timeout = Duration.ofSeconds(2);
    try (RedisPubSub pubSub = builder(asUser()).maxWait(timeout).build()) {
      // Only now, since a client of a Cluster connects when it is made.
      acl("resetpass", ">another");
      Exception e =
          assertThrows(
              JedisConnectionException.class,
              () -> pubSub.subscribe(allowed, String.class, message -> {}));
      assertThat(e.getCause(), is(instanceOf(JedisAccessControlException.class)));
      assertThat(e.getMessage(), containsString(allowed));
      assertThat(pubSub.isConnected(), is(false));
    }
  }

  @Test
  void aUserWithoutPermissionToPingStaysConnected() {
    acl("-ping");
    try (RedisPubSub pubSub = beating(Duration.ofMillis(300)).build()) {
      pubSub.subscribe(allowed, String.class, message -> {});
      Wire.await("some heartbeats").until(() -> denials("ping") >= 4);
      assertThat(pubSub.isConnected(), is(true));
    }
    assertThat(recorder.connection, is(empty()));
  }

  /** Of one that asks often, but does not take a busy machine for a dead peer. */
  private RedisPubSub.Builder beating(Duration heartbeat) {
    return builder(asUser()).heartbeat(heartbeat).longestSilence(Duration.ofSeconds(5));
  }

  /** How often Redis has denied the user a command or channel. */
  private long denials(String object) {
    return wire.sum(
        jedis ->
            jedis.aclLog().stream()
                .filter(
                    entry -> entry.getUsername().equals(user) && entry.getObject().equals(object))
                .mapToLong(AccessControlLogEntry::getCount)
                .sum());
  }
}
