package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Credentials and permissions. */
@EachClient
class PubSubAccessIT {

  private static final String PASSWORD = "for-this-test-only";

  private final TestRedis redis;
  private final Wire wire;
  private final String user;
  private final String allowed;
  private final String forbidden;
  private final Recorder recorder = new Recorder();

  PubSubAccessIT(TestRedis redis) {
    this.redis = redis;
    this.wire = new Wire(redis);
    this.user = redis.unique("user");
    this.allowed = redis.unique("allowed");
    this.forbidden = redis.unique("forbidden");
  }

  private void acl(String... rules) {
    try (Jedis jedis = new Jedis(redis.address())) {
      assertThat(jedis.aclSetUser(user, rules), is("OK"));
    }
  }

  @BeforeEach
  void makeUser() {
    acl("reset", "on", ">" + PASSWORD, "+@all", "~*", "&" + allowed + "*");
  }

  @AfterEach
  void deleteUser() {
    try (Jedis jedis = new Jedis(redis.address())) {
      assertThat(jedis.aclDelUser(user), is(1L));
    }
    Wire.await("no connection left").until(wire::connections, is(empty()));
    Wire.await("no thread left").until(Wire::threads, is(empty()));
  }

  private DefaultJedisClientConfig.Builder asUser() {
    return DefaultJedisClientConfig.builder().user(user).password(PASSWORD);
  }

  @Test
  void connectsWithTheCredentialsNameAndDatabaseOfThePoolOrClient() {
    try (NamedClient client = NamedClient.of(redis, asUser().database(3));
        RedisPubSub pubSub = client.builder().build()) {
      pubSub.subscribe(allowed, String.class, message -> {});
      assertThat(wire.connections(), hasSize(1));
      assertThat(
          wire.connections(),
          everyItem(
              allOf(
                  containsString(" name=" + client.name + " "),
                  containsString(" user=" + user + " "),
                  containsString(" db=3 "))));
      // The same after a reconnect.
      assertThat(wire.killSubscribers(), is(1L));
      Wire.await("back")
          .until(wire::connections, hasItem(containsString(" name=" + client.name + " ")));
      assertThat(
          wire.connections(),
          everyItem(allOf(containsString(" user=" + user + " "), containsString(" db=3 "))));
    }
  }

  @Test
  void aRefusedSubscriptionFailsAloneAndLeavesNothing() {
    List<String> received = new CopyOnWriteArrayList<>();
    try (NamedClient client = NamedClient.of(redis, asUser());
        RedisPubSub pubSub = client.builder().listener(recorder).build()) {
      pubSub.subscribe(allowed, String.class, message -> received.add(message.body()));
      for (int i = 0; i < 3; i++) {
        assertThrows(
            JedisAccessControlException.class,
            () -> pubSub.subscribe(forbidden, String.class, message -> {}));
        assertThrows(
            JedisAccessControlException.class,
            () -> pubSub.subscribePattern("*", String.class, message -> {}));
      }
      assertThat(pubSub.publish(allowed, "unharmed"), is(1L));
      Wire.await("received").until(() -> received.contains("unharmed"));
      assertThat(wire.subscribers(forbidden), is(0L));

      acl("&" + forbidden);
      pubSub.subscribe(forbidden, String.class, message -> received.add(message.body()));
      assertThat(pubSub.publish(forbidden, "now allowed"), is(1L));
      Wire.await("received").until(() -> received.contains("now allowed"));
    }
    assertThat(recorder.failures, is(empty()));
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void aResubscriptionThatIsRefusedIsReportedOnceAndHealsWhenAllowedAgain() {
    acl("&" + forbidden);
    List<String> received = new CopyOnWriteArrayList<>();
    try (NamedClient client = NamedClient.of(redis, asUser());
        RedisPubSub pubSub =
            client.builder().listener(recorder).heartbeat(Duration.ofMillis(200)).build()) {
      pubSub.subscribe(allowed, String.class, message -> received.add(message.body()));
      Subscription withdrawn =
          pubSub.subscribe(forbidden, String.class, message -> received.add(message.body()));

      // Redis itself kills connections that hold what they may no longer have.
      acl("resetchannels", "&" + allowed + "*");
      Wire.await("reported").until(() -> recorder.failures, hasSize(1));
      Wire.await("back").until(() -> recorder.gaps, hasSize(1));
      assertThat(pubSub.publish(allowed, "unharmed"), is(1L));
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
    assertThat(recorder.connection, is(List.of("lost", "back")));
  }

  @Test
  void wrongCredentialsAreTheCauseOfTheTimeout() {
    DefaultJedisClientConfig.Builder wrong =
        DefaultJedisClientConfig.builder().user(user).password("wrong");
    try (NamedClient client = NamedClient.of(redis, wrong);
        RedisPubSub pubSub = client.builder().subscribeTimeout(Duration.ofMillis(300)).build()) {
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
    try (NamedClient client = NamedClient.of(redis, asUser());
        RedisPubSub pubSub =
            client.builder().listener(recorder).heartbeat(Duration.ofMillis(300)).build()) {
      pubSub.subscribe(allowed, String.class, message -> {});
      Wire.await("some heartbeats").until(() -> denials("ping") >= 4);
      assertThat(pubSub.isConnected(), is(true));
    }
    assertThat(recorder.connection, is(empty()));
  }

  /** How often Redis has denied the user a command or channel. */
  private long denials(String object) {
    try (Jedis jedis = new Jedis(redis.address())) {
      return jedis.aclLog().stream()
          .filter(entry -> entry.getUsername().equals(user) && entry.getObject().equals(object))
          .mapToLong(entry -> entry.getCount())
          .sum();
    }
  }
}
