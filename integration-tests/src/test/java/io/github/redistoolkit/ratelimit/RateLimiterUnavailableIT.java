package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** A server that is there and will not decide, under each policy. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterUnavailableIT {

  private static final ProtocolCommand DEBUG = () -> "DEBUG".getBytes(StandardCharsets.US_ASCII);

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final String id;
  private final Policies policies;
  private final ExecutorService thread = Executors.newSingleThreadExecutor();

  RateLimiterUnavailableIT(TestRedis shared) {
    this.servers = shared.privateServers("enable-protected-configs yes");
    this.redis = servers.redis();
    this.id = redis.unique("undecided");
    this.policies = new Policies(redis, id);
  }

  @AfterEach
  void endThread() {
    thread.shutdownNow();
  }

  @Test
  void aServerOutOfMemoryLeavesItToThePolicy() {
    servers.exhaustMemory();
    policies.assertDecide("OOM");
    // What needs no memory is still decided.
    policies.assertRemaining(3);
  }

  @Test
  void aServerOutOfMemoryChargesNothing() {
    RateLimiter limiter = policies.limiter(OnUnavailable.THROW);
    assertThat(limiter.isAllowed(id), is(true));
    servers.exhaustMemory();
    assertThrows(JedisDataException.class, () -> limiter.isAllowed(id));
    servers.restoreMemory();
    policies.assertRemaining(2);
  }

  @Test
  void aServerWithTooFewReplicasLeavesItToThePolicy() {
    servers.configure("min-replicas-to-write", "5");
    policies.assertDecide("NOREPLICAS");
    servers.configure("min-replicas-to-write", "0");
    policies.assertRemaining(3);
  }

  @Test
  void aServerThatCannotWriteItsSnapshotLeavesItToThePolicy() {
    try (Jedis primary = primary()) {
      String name = primary.configGet("dbfilename").get("dbfilename");
      primary.configSet("dbfilename", "."); // no file can have that name
      primary.configSet("save", "3600 1000000");
      primary.bgsave();
      Awaitility.await()
          .until(() -> primary.info("persistence").contains("rdb_last_bgsave_status:err"));
      policies.assertDecide("MISCONF");
      primary.configSet("dbfilename", name);
      primary.configSet("save", "");
    }
    policies.assertRemaining(3);
  }

  @Test
  void aServerBusyWithAScriptLeavesItToThePolicy() {
    servers.configure("busy-reply-threshold", "10");
    try (Jedis primary = primary();
        Jedis looping = primary()) {
      Future<?> loop = thread.submit(() -> looping.eval("while true do end"));
      Awaitility.await().pollInterval(Duration.ofMillis(20)).until(() -> isBusy(primary));
      policies.assertDecide("BUSY");
      primary.scriptKill();
      assertThrows(ExecutionException.class, () -> loop.get(10, TimeUnit.SECONDS));
    }
    policies.assertRemaining(3);
  }

  private static boolean isBusy(Jedis jedis) {
    try {
      return !jedis.ping().equals("PONG");
    } catch (JedisDataException e) {
      return e.getMessage().startsWith("BUSY");
    }
  }

  @Test
  void aServerThatLoadsItsDataLeavesItToThePolicy() throws Exception {
    try (Jedis primary = primary();
        Jedis reloading = redis.open(servers.primaryOf(policies.key()).address())) {
      primary.sendCommand(DEBUG, "POPULATE", "5000", "loaded");
      primary.configSet("key-load-delay", "2000"); // ten seconds, unless the test is faster
      primary.configSet("loading-process-events-interval-bytes", "1024");
      reloading.getConnection().setSoTimeout(60_000);
      Future<?> reload = thread.submit(() -> reloading.sendCommand(DEBUG, "RELOAD"));
      Awaitility.await()
          .pollInterval(Duration.ofMillis(5))
          .until(() -> primary.info("persistence").contains("loading:1"));
      policies.assertDecide("LOADING");
      primary.configSet("key-load-delay", "0");
      reload.get(1, TimeUnit.MINUTES);
      primary.flushAll();
    }
    policies.assertRemaining(3);
  }

  @Test
  void aPoolWithNoFreeConnectionLeavesItToThePolicy() throws Exception {
    try (TestRedis one =
        redis
            .withMaxTotal(1)
            .impatient(Duration.ofMillis(500))
            .with(config -> config.timeoutMillis(2000))) {
      Policies occupied = new Policies(one, id);
      Future<?> release = occupy(one);
      occupied.assertDecide("");
      release(release);
      policies.assertRemaining(3);
      assertThat(one.borrowed(), is(0));
    }
  }

  @Test
  void anInterruptWhileWaitingForAConnectionIsAlwaysThrown() throws Exception {
    try (TestRedis one = redis.withMaxTotal(1).impatient(Duration.ofSeconds(20))) {
      Policies occupied = new Policies(one, id);
      Future<?> release = occupy(one);
      for (OnUnavailable policy : OnUnavailable.values()) {
        RateLimiter limiter = occupied.limiter(policy);
        Thread.currentThread().interrupt();
        assertThrows(JedisException.class, () -> limiter.isAllowed(id));
        assertThat(Thread.interrupted(), is(true));
      }
      release(release);
      occupied.assertRemaining(3);
    }
  }

  @Test
  void anInterruptWhileAcquireWaitsForAConnectionEndsItAsAnyOther() throws Exception {
    try (TestRedis one = redis.withMaxTotal(1).impatient(Duration.ofSeconds(20));
        TestRedis unoccupied = redis.withMaxTotal(2)) {
      Policies occupied = new Policies(one, id);
      Future<?> release = occupy(one);
      RateLimiter limiter = occupied.limiter(OnUnavailable.ALLOW);
      ExecutorService waiting = Executors.newSingleThreadExecutor();
      try {
        Future<Decision> acquired =
            waiting.submit(() -> limiter.tryAcquire(id, 1, Duration.ofMinutes(1)));
        Awaitility.await().until(() -> isWaitingForAConnection());
        waiting.shutdownNow();
        ExecutionException e =
            assertThrows(ExecutionException.class, () -> acquired.get(10, TimeUnit.SECONDS));
        assertThat(e.getCause() instanceof InterruptedException, is(true));
      } finally {
        waiting.shutdownNow();
      }
      release(release);
      new Policies(unoccupied, id).assertRemaining(3);
    }
  }

  private static boolean isWaitingForAConnection() {
    return Thread.getAllStackTraces().values().stream()
        .map(
            frames ->
                Arrays.stream(frames)
                    .map(StackTraceElement::getMethodName)
                    .collect(Collectors.toSet()))
        .anyMatch(methods -> methods.containsAll(Set.of("bookAndWait", "borrowObject")));
  }

  /** Has a command that blocks hold the only connection to where the id is. */
  private Future<?> occupy(TestRedis one) {
    UnifiedJedis client = one.client();
    Future<?> blocked = thread.submit(() -> client.blpop(60, blockingKey()));
    Awaitility.await().pollInterval(Duration.ofMillis(10)).until(() -> one.borrowed() == 1);
    return blocked;
  }

  private void release(Future<?> blocked) throws Exception {
    redis.admin().rpush(blockingKey(), "go on");
    blocked.get(10, TimeUnit.SECONDS);
  }

  private String blockingKey() {
    return "{" + id + "}:blocking";
  }

  @Test
  void aKeyOfAnotherTypeIsAlwaysThrownUntilTheIdIsReset() {
    redis.admin().rpush(policies.key(), "x");
    policies.assertDoNotApply("WRONGTYPE");
    policies.limiter(OnUnavailable.THROW).reset(id);
    policies.assertRemaining(3);
  }

  @Test
  void aUserWhoMayNotRunScriptsOrSetATtlIsAlwaysTold() {
    for (String command : new String[] {"evalsha", "set"}) {
      try (TestRedis limited = redis.withoutCommands(command)) {
        new Policies(limited, id).assertDoNotApply("NOPERM");
      }
    }
  }

  @Test
  void aUserWhosePasswordWasChangedIsAlwaysTold() {
    try (TestRedis locked = redis.withoutCommands()) {
      Policies lockedOut = new Policies(locked, id);
      lockedOut.assertRemaining(3);
      servers.servers().forEach(this::changePasswords);
      locked.killClients("normal");
      Awaitility.await("all connections are new")
          .until(() -> lockedOut.failure(OnUnavailable.THROW).getMessage().startsWith("WRONGPASS"));
      lockedOut.assertDoNotApply("WRONGPASS");
    }
  }

  private void changePasswords(RedisServer server) {
    try (Jedis jedis = redis.open(server.address())) {
      for (String user : jedis.aclUsers()) {
        if (!user.equals("default")) {
          jedis.aclSetUser(user, "resetpass", ">another");
        }
      }
    }
  }

  private Jedis primary() {
    return redis.open(servers.primaryOf(policies.key()).address());
  }
}
