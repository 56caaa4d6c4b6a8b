package io.github.redistoolkit.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Then;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.hamcrest.Matcher;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisNoScriptException;

@Tag("bed")
@EachClient
class FaultProxyIT {

  private static final Duration PATIENT = Duration.ofSeconds(10);
  private static final Duration IMPATIENT = Duration.ofSeconds(2);

  private final TestRedis redis;
  private final FaultProxy proxy;
  private final String key;

  FaultProxyIT(TestRedis redis) {
    this.redis = redis;
    this.proxy = FaultProxy.before(redis.address());
    this.key = redis.unique("counter");
  }

  @AfterEach
  void stop() {
    proxy.close();
  }

  private Jedis connect(RedisProtocol protocol, Duration timeout) {
    return new Jedis(
        proxy.address(),
        DefaultJedisClientConfig.builder()
            .protocol(protocol)
            .timeoutMillis((int) timeout.toMillis())
            .build());
  }

  private Jedis connect() {
    return connect(RedisProtocol.RESP2, PATIENT);
  }

  private Jedis connectImpatiently() {
    return connect(RedisProtocol.RESP2, IMPATIENT);
  }

  private void awaitValue(Matcher<String> value) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(5))
        .untilAsserted(() -> assertThat(redis.admin().get(key), value));
  }

  @Test
  void withoutAFaultEverythingPassesUnchanged() {
    byte[] binary = new byte[300_000];
    for (int i = 0; i < binary.length; i++) {
      binary[i] = (byte) i;
    }
    byte[] name = key.getBytes(StandardCharsets.UTF_8);
    for (RedisProtocol protocol : List.of(RedisProtocol.RESP2, RedisProtocol.RESP3)) {
      try (Jedis jedis = connect(protocol, PATIENT)) {
        jedis.set(name, binary);
        assertThat(jedis.get(name), is(binary));
        jedis.del(key);
        jedis.hset(key, "field", "");
        assertThat(jedis.hgetAll(key).get("field"), is(""));
        assertThat(jedis.get(key + "absent") == null, is(true));
        assertThat(jedis.eval("return {1,{'a',{}},false}"), instanceOf(List.class));
        jedis.del(key);
      }
    }
  }

  @Test
  void latencyIsAddedToARoundTripAndNotToEachCommandOfAPipeline() {
    try (Jedis jedis = connect()) {
      jedis.ping();
      proxy.latency(Duration.ofMillis(80));
      long start = System.nanoTime();
      jedis.ping();
      long single = System.nanoTime() - start;
      assertThat(Duration.ofNanos(single), greaterThanOrEqualTo(Duration.ofMillis(80)));
      start = System.nanoTime();
      Pipeline pipeline = jedis.pipelined();
      for (int i = 0; i < 2000; i++) {
        pipeline.incr(key);
      }
      pipeline.sync();
      Duration many = Duration.ofNanos(System.nanoTime() - start);
      assertThat(many, lessThan(Duration.ofSeconds(10)));
      assertThat(jedis.get(key), is("2000"));
    }
  }

  @Test
  void aCutEndsTheConnectionAndAnotherCanBeMade() {
    try (Jedis jedis = connect()) {
      jedis.incr(key);
      proxy.cut();
      assertThrows(JedisConnectionException.class, () -> jedis.incr(key));
    }
    try (Jedis jedis = connect()) {
      assertThat(jedis.incr(key), is(2L));
    }
  }

  @Test
  void whileRefusingNoConnectionIsMadeAndAfterwardsTheSamePortTakesThem() {
    try (Jedis jedis = connect()) {
      jedis.ping();
      proxy.refuse();
      assertThrows(JedisConnectionException.class, jedis::ping);
    }
    JedisConnectionException refused =
        assertThrows(
            JedisConnectionException.class,
            () -> {
              try (Jedis jedis = connect()) {
                jedis.ping();
              }
            });
    assertThat(
        Stream.concat(
                Stream.iterate((Throwable) refused, e -> e != null, Throwable::getCause),
                Stream.of(refused.getSuppressed()))
            .anyMatch(ConnectException.class::isInstance),
        is(true));
    proxy.accept();
    try (Jedis jedis = connect()) {
      assertThat(jedis.ping(), is("PONG"));
    }
  }

  @Test
  void aBlackHoleTowardsTheClientSwallowsTheReplyOfWhatTheServerDoes() {
    try (Jedis jedis = connectImpatiently()) {
      jedis.ping();
      proxy.blackHole(Direction.TO_CLIENT);
      JedisConnectionException silence =
          assertThrows(JedisConnectionException.class, () -> jedis.incr(key));
      assertThat(silence.getCause(), instanceOf(SocketTimeoutException.class));
      awaitValue(is("1"));
    }
  }

  @Test
  void aBlackHoleTowardsTheServerKeepsRequestsThatArriveAfterTheClientGaveUp() {
    try (Jedis jedis = connectImpatiently()) {
      jedis.ping();
      proxy.blackHole(Direction.TO_SERVER);
      assertThrows(JedisConnectionException.class, () -> jedis.incr(key));
    }
    assertThat(redis.admin().get(key) == null, is(true));
    proxy.heal();
    awaitValue(is("1"));
  }

  @Test
  void aBlackHoleTakesNoMoreThanANetworkHolds() throws Exception {
    byte[] megabyte = new byte[1 << 20];
    try (Jedis jedis = connect();
        Pipeline pipeline = jedis.pipelined()) {
      proxy.blackHole(Direction.TO_SERVER);
      FutureTask<Void> sending =
          new FutureTask<>(
              () -> {
                for (int i = 0; i < 60; i++) {
                  var unused = pipeline.set(key.getBytes(UTF_8), megabyte);
                }
              },
              null);
      new Thread(sending, "sender").start();
      assertThrows(TimeoutException.class, () -> sending.get(2, TimeUnit.SECONDS));
      proxy.heal();
      sending.get(20, TimeUnit.SECONDS);
      pipeline.sync();
    }
    assertThat(redis.admin().strlen(key), is((long) megabyte.length));
  }

  @Test
  void aBlackHoleHoldsNewConnectionsAsWell() {
    proxy.blackHole();
    JedisConnectionException silence =
        assertThrows(JedisConnectionException.class, this::connectImpatiently);
    assertThat(silence.getCause(), instanceOf(SocketTimeoutException.class));
    proxy.heal();
    try (Jedis jedis = connect()) {
      assertThat(jedis.ping(), is("PONG"));
    }
  }

  @Test
  void aLostReplyWasExecutedOnceAndTheConnectionIsCut() throws InterruptedException {
    Loss loss = proxy.loseReply("incr", 2, Then.CUT);
    try (Jedis jedis = connect()) {
      assertThat(jedis.incr(key), is(1L));
      assertThat(loss.happened(), is(false));
      assertThrows(JedisConnectionException.class, () -> jedis.incr(key));
    }
    loss.await();
    assertThat(redis.admin().get(key), is("2"));
    try (Jedis jedis = connect()) {
      assertThat(jedis.incr(key), is(3L));
    }
    assertThat(proxy.requests("INCR"), is(3L));
  }

  @Test
  void aReplyLostInSilenceLetsTheClientWait() throws InterruptedException {
    Loss loss = proxy.loseReply("incr", 1, Then.SILENCE);
    try (Jedis jedis = connectImpatiently()) {
      JedisConnectionException silence =
          assertThrows(JedisConnectionException.class, () -> jedis.incr(key));
      assertThat(silence.getCause(), instanceOf(SocketTimeoutException.class));
    }
    loss.await();
    assertThat(redis.admin().get(key), is("1"));
  }

  @Test
  void aReplyIsLostOnlyToARequestThatTheServerExecuted() {
    String script = "return redis.call('INCR', KEYS[1]) -- " + redis.unique("");
    Loss loss = proxy.loseReply("evalsha", 1, Then.CUT);
    try (Jedis jedis = connect()) {
      String sha = redis.admin().scriptLoad(script, key);
      redis.admin().scriptFlush();
      assertThrows(JedisNoScriptException.class, () -> jedis.evalsha(sha, 1, key));
      assertThat(loss.happened(), is(false));
      jedis.scriptLoad(script);
      assertThrows(JedisConnectionException.class, () -> jedis.evalsha(sha, 1, key));
    }
    assertThat(loss.happened(), is(true));
    assertThat(redis.admin().get(key), is("1"));
  }

  @Test
  void repliesAreToldFromMessagesOnAConnectionThatSubscribes() {
    String channel = redis.unique("channel");
    for (RedisProtocol protocol : List.of(RedisProtocol.RESP2, RedisProtocol.RESP3)) {
      try (Jedis jedis = connect(protocol, PATIENT)) {
        Connection connection = jedis.getConnection();
        jedis.ping();
        connection.sendCommand(Protocol.Command.SUBSCRIBE, channel, channel + "2");
        connection.getMany(0); // flushes
        Awaitility.await()
            .pollInterval(Duration.ofMillis(5))
            .until(() -> redis.admin().publish(channel, "x") == 1);
        Loss loss = proxy.loseReply("ping", 1, Then.SILENCE);
        connection.sendCommand(Protocol.Command.PING);
        connection.getMany(0);
        Awaitility.await().pollInterval(Duration.ofMillis(5)).until(loss::happened);
      }
    }
  }

  @Test
  void whatEndsOnOneSideEndsOnTheOther() {
    try (Jedis jedis = connect()) {
      jedis.clientSetname(key);
      assertThat(proxy.connections(), is(1));
    }
    Awaitility.await().pollInterval(Duration.ofMillis(5)).until(() -> proxy.connections() == 0);
    try (Jedis jedis = connect();
        Jedis killer = connect()) {
      jedis.ping();
      killer.sendCommand(Protocol.Command.CLIENT, "KILL", "ID", String.valueOf(jedis.clientId()));
      assertThrows(JedisConnectionException.class, jedis::ping);
    }
  }

  @Test
  void oneProxyStandsBeforeSeveralServers() {
    try (FaultProxy both = FaultProxy.before(redis.address(), proxy.address())) {
      assertThat(
          List.of(both.address(redis.address()), both.address(proxy.address())),
          containsInAnyOrder(both.address(), both.address(proxy.address())));
    }
  }
}
