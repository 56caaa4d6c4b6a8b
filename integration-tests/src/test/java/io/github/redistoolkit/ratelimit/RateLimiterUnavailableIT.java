package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import redis.clients.jedis.Connection;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/** A server that is there and will not decide, under each policy. */
@Tag("integration")
@ParameterizedClass(name = "{0}")
@EnumSource
class RateLimiterUnavailableIT {

  private static final Limit LIMIT = Limit.of(3, Duration.ofHours(1));
  private static final ProtocolCommand DEBUG = () -> "DEBUG".getBytes(StandardCharsets.US_ASCII);
  private static final Limit OTHER = Limit.tokenBucket(3, 1, Duration.ofHours(1));

  /** What the limiter is built on, with one connection and little patience. */
  enum Kind {
    POOL,
    CLIENT
  }

  private final Kind kind;
  private final OwnServer server = OwnServer.start("--enable-debug-command", "local");
  private final Jedis admin = server.admin();
  private Reached reached;

  RateLimiterUnavailableIT(Kind kind) {
    this.kind = kind;
    this.reached = Reached.of(kind, server, "default", "");
  }

  @AfterEach
  void close() {
    reached.close().run();
    admin.close();
    server.close();
  }

  @Test
  void aServerOutOfMemoryLeavesItToThePolicy() {
    admin.configSet("maxmemory", "1");
    assertPolicyDecides("OOM");
    // What needs no memory is still decided.
    assertThat(limiter(OnUnavailable.THROW).peek("id").allowed(), is(true));
    assertThat(admin.dbSize(), is(0L));
  }

  @Test
  void aServerOutOfMemoryChargesNothing() {
    assertThat(limiter(OnUnavailable.THROW).isAllowed("id"), is(true));
    admin.configSet("maxmemory", "1");
    assertThrows(JedisDataException.class, () -> limiter(OnUnavailable.THROW).isAllowed("id"));
    admin.configSet("maxmemory", "0");
    assertThat(limiter(OnUnavailable.THROW).peek("id").remaining(), is(2L));
  }

  @Test
  void aReplicaLeavesItToThePolicy() {
    admin.replicaof("127.0.0.1", 1);
    assertPolicyDecides("READONLY");
  }

  @Test
  void aReplicaThatHasLostItsPrimaryLeavesItToThePolicy() {
    admin.configSet("replica-serve-stale-data", "no");
    admin.replicaof("127.0.0.1", 1);
    assertPolicyDecides("");
  }

  @Test
  void aServerWithTooFewReplicasLeavesItToThePolicy() {
    admin.configSet("min-replicas-to-write", "1");
    assertPolicyDecides("NOREPLICAS");
  }

  @Test
  void aServerThatCannotWriteItsSnapshotLeavesItToThePolicy() {
    // No file can be made there.
    try (OwnServer cannotSave = OwnServer.start("--save", "3600 1000000", "--dir", "/proc");
        Jedis itsAdmin = cannotSave.admin()) {
      String unused = itsAdmin.bgsave();
      Awaitility.await()
          .until(() -> itsAdmin.info("persistence").contains("rdb_last_bgsave_status:err"));
      reached.close().run();
      reached = Reached.of(kind, cannotSave, "default", "");
      assertPolicyDecides("MISCONF");
    }
  }

  @Test
  void aServerBusyWithAScriptLeavesItToThePolicy() throws Exception {
    admin.configSet("busy-reply-threshold", "10");
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try (Jedis looping = server.admin()) {
      Future<?> loop = thread.submit(() -> looping.eval("while true do end"));
      Awaitility.await()
          .until(() -> failure(limiter(OnUnavailable.THROW)).getMessage().startsWith("BUSY"));
      assertPolicyDecides("BUSY");
      admin.scriptKill();
      assertThrows(Exception.class, () -> loop.get(10, TimeUnit.SECONDS));
    } finally {
      thread.shutdownNow();
    }
  }

  @Test
  void aServerThatLoadsItsDataLeavesItToThePolicy() throws Exception {
    admin.eval("for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 1000)) end");
    admin.configSet("key-load-delay", "1000");
    admin.configSet("loading-process-events-interval-bytes", "1024");
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try (Jedis reloading = server.admin()) {
      Future<?> reload = thread.submit(() -> reloading.sendCommand(DEBUG, "RELOAD"));
      Awaitility.await()
          .pollInterval(Duration.ofMillis(5))
          .until(() -> admin.info("persistence").contains("loading:1"));
      assertPolicyDecides("LOADING");
      reload.get(1, TimeUnit.MINUTES);
    } finally {
      thread.shutdownNow();
    }
  }

  @Test
  void aPoolWithNoFreeConnectionLeavesItToThePolicy() {
    Runnable release = reached.occupy();
    assertPolicyDecides("");
    release.run();
    assertThat(limiter(OnUnavailable.THROW).isAllowed("id"), is(true));
  }

  @Test
  void anInterruptWhileWaitingForAConnectionIsAlwaysThrown() throws Exception {
    Runnable release = reached.occupy();
    RateLimiter limiter = limiter(OnUnavailable.ALLOW);
    Thread.currentThread().interrupt();
    assertThrows(JedisException.class, () -> limiter.isAllowed("id"));
    assertThat(Thread.interrupted(), is(true));
    release.run();
  }

  @Test
  void aKeyOfAnotherTypeIsAlwaysThrown() {
    admin.set("rl:default:{id}:" + LIMIT.keySuffix(), "text");
    assertAlwaysThrown("WRONGTYPE");
  }

  @Test
  void aStateThatSomebodyElseHasWrittenIsAlwaysThrown() {
    admin.rpush("rl:default:{id}:" + LIMIT.keySuffix(), "x", "y");
    assertAlwaysThrown("ERR");
  }

  @Test
  void aUserWhoMayNotRunScriptsIsAlwaysTold() {
    admin.aclSetUser("limited", "on", ">secret", "~*", "+@all", "-evalsha");
    become("limited", "secret");
    assertAlwaysThrown("NOPERM");
  }

  @Test
  void aUserWhoMayNotSetATtlGetsNoKeyWithoutOne() {
    admin.aclSetUser("limited", "on", ">secret", "~*", "+@all", "-pexpire");
    become("limited", "secret");
    assertAlwaysThrown("NOPERM");
    assertThat(admin.dbSize(), is(0L));
  }

  @Test
  void aUserWithAnotherPasswordIsAlwaysTold() {
    admin.aclSetUser("limited", "on", ">secret", "~*", "+@all");
    become("limited", "guess");
    for (OnUnavailable policy : OnUnavailable.values()) {
      assertThrows(JedisAccessControlException.class, () -> limiter(policy).isAllowed("id"));
    }
  }

  private void assertPolicyDecides(String message) {
    assertThat(failure(limiter(OnUnavailable.THROW)).getMessage(), startsWith(message));
    Decision allowed = limiter(OnUnavailable.ALLOW).tryAcquire("id", 2);
    assertThat(allowed, is(Decision.degraded(true, LIMIT)));
    Decision denied = limiter(OnUnavailable.DENY).tryAcquire("id", 2);
    assertThat(denied, is(Decision.degraded(false, LIMIT)));
  }

  private void assertAlwaysThrown(String message) {
    for (OnUnavailable policy : OnUnavailable.values()) {
      assertThat(failure(limiter(policy)).getMessage(), startsWith(message));
    }
  }

  private static JedisException failure(RateLimiter limiter) {
    return assertThrows(JedisException.class, () -> limiter.isAllowed("id"));
  }

  private RateLimiter limiter(OnUnavailable policy) {
    return reached.builder().limit(LIMIT, OTHER).onUnavailable(policy).build();
  }

  private void become(String user, String password) {
    reached.close().run();
    reached = Reached.of(kind, server, user, password);
  }

  /** The server through one kind of client. */
  private record Reached(RateLimiter.Builder builder, Occupation occupation, Runnable close) {

    /** Takes the only connection, and returns what gives it back. */
    private interface Occupation {
      Runnable occupy();
    }

    Runnable occupy() {
      return occupation.occupy();
    }

    static Reached of(Kind kind, OwnServer server, String user, String password) {
      DefaultJedisClientConfig.Builder config =
          DefaultJedisClientConfig.builder()
              .timeoutMillis(1000)
              .protocol(kind == Kind.POOL ? RedisProtocol.RESP2 : RedisProtocol.RESP3);
      if (!password.isEmpty()) {
        config.user(user).password(password);
      }
      return kind == Kind.POOL ? pool(server, config.build()) : client(server, config.build());
    }

    @SuppressWarnings("deprecation") // JedisPool is what most code holds
    private static Reached pool(OwnServer server, JedisClientConfig config) {
      JedisPoolConfig one = new JedisPoolConfig();
      one.setMaxTotal(1);
      one.setMaxWait(Duration.ofMillis(100));
      Pool<Jedis> pool = new JedisPool(one, server.address(), config);
      return new Reached(
          RateLimiter.builder(pool),
          () -> {
            Jedis taken = pool.getResource();
            return taken::close;
          },
          pool::close);
    }

    private static Reached client(OwnServer server, JedisClientConfig config) {
      ConnectionPoolConfig one = new ConnectionPoolConfig();
      one.setMaxTotal(1);
      one.setMaxWait(Duration.ofMillis(100));
      RedisClient client =
          RedisClient.builder()
              .hostAndPort(server.address())
              .clientConfig(config)
              .poolConfig(one)
              .build();
      return new Reached(
          RateLimiter.builder(client),
          () -> {
            Connection taken = client.getPool().getResource();
            return taken::close;
          },
          client::close);
    }
  }
}
