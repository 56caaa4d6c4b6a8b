package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.Json;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

class RedisPubSubTest {

  private final Pool<Jedis> pool = Offline.pool();
  private final RedisPubSub.Builder builder = RedisPubSub.builder(pool);

  @AfterEach
  void close() {
    pool.close();
  }

  @Test
  void refusesNothingToWorkOn() {
    assertThrows(NullPointerException.class, () -> new RedisPubSub((Pool<Jedis>) null));
    assertThrows(NullPointerException.class, () -> new RedisPubSub((UnifiedJedis) null));
  }

  @Test
  @SuppressWarnings("deprecation") // the simplest client that is none of the known ones
  void refusesAnUnknownClient() {
    Connection connection = new Connection();
    try (UnifiedJedis bare = new UnifiedJedis(connection) {}) {
      Exception e = assertThrows(IllegalArgumentException.class, () -> new RedisPubSub(bare));
      assertThat(e.getMessage(), containsString("client must be a RedisClient"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S", "PT0.0009S", "PT10M0.001S"})
  void refusesAHeartbeatOutOfBounds(Duration heartbeat) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> builder.heartbeat(heartbeat));
    assertThat(e.getMessage(), containsString("heartbeat"));
    assertThat(e.getMessage(), containsString(heartbeat.toString()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT24H0.001S"})
  void refusesAMaxWaitOutOfBounds(Duration timeout) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> builder.maxWait(timeout));
    assertThat(e.getMessage(), containsString("maxWait"));
  }

  @Test
  void refusesAQueueOutOfBoundsAndNulls() {
    Exception e = assertThrows(IllegalArgumentException.class, () -> builder.queueBytes(0));
    assertThat(e.getMessage(), containsString("queueBytes"));
    assertThrows(NullPointerException.class, () -> builder.gson(null));
    assertThrows(NullPointerException.class, () -> builder.executor(null));
    assertThrows(NullPointerException.class, () -> builder.heartbeat(null));
    assertThrows(NullPointerException.class, () -> builder.maxWait(null));
    assertThrows(NullPointerException.class, () -> builder.overflow(null));
    assertThrows(NullPointerException.class, () -> builder.listener(null));
  }

  @Test
  void hasTheDefaultsThatAreDocumented() {
    for (RedisPubSub pubSub : List.of(new RedisPubSub(pool), builder.build())) {
      Settings settings = pubSub.settings;
      assertThat(settings.heartbeat(), is(Duration.ofSeconds(5)));
      assertThat(settings.longestSilence(), is(Duration.ofSeconds(10)));
      assertThat(settings.maxWait(), is(Duration.ofSeconds(5)));
      assertThat(settings.queueBytes(), is(32L * 1024 * 1024));
      assertThat(settings.overflow(), is(Overflow.DROP_OLDEST));
      assertThat(settings.payloads().json, is(sameInstance(Json.standard())));
      assertThat(settings.listener(), is(instanceOf(LoggingListener.class)));
      pubSub.close();
    }
  }

  @Test
  void givesUpAConnectionAfterTwoHeartbeats() {
    try (RedisPubSub pubSub = builder.heartbeat(Duration.ofSeconds(3)).build()) {
      assertThat(pubSub.settings.heartbeat(), is(Duration.ofSeconds(3)));
      assertThat(pubSub.settings.longestSilence(), is(Duration.ofSeconds(6)));
    }
  }

  @Test
  void startsNothingUntilThereIsASubscription() {
    try (RedisPubSub pubSub = builder.build()) {
      assertThat(pubSub.isConnected(), is(false));
      assertThat(
          Thread.getAllStackTraces().keySet().stream()
              .noneMatch(thread -> thread.getName().startsWith("redis-pubsub-")),
          is(true));
    }
  }
}
