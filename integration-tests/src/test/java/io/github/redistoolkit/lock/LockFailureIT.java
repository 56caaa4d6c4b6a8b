package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.args.UnblockType;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.ClientKillParams;
import redis.clients.jedis.util.Pool;

/** What callers are told when they, the network or Redis are at fault. */
@EachClient
class LockFailureIT {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final String BLOCKED = " flags=b ";
  private static final Duration YEAR = Duration.ofDays(365);

  private final TestRedis redis;

  LockFailureIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void wrongArgumentsAreRefusedBeforeAnyRequest() {
    long before = redis.calls("evalsha") + redis.calls("eval");
    assertThrows(NullPointerException.class, () -> new RedisLock((Pool<Jedis>) null, "x", LEASE));
    assertThrows(NullPointerException.class, () -> new RedisLock((UnifiedJedis) null, "x", LEASE));
    assertThrows(NullPointerException.class, () -> lock(null, LEASE));
    assertThrows(NullPointerException.class, () -> lock("x", null));
    assertRefused("name must not be empty", () -> lock("", LEASE));
    assertRefused("name has an unpaired surrogate at index 1", () -> lock("a\ud800", LEASE));
    for (Duration wrong :
        List.of(
            Duration.ZERO,
            Duration.ofSeconds(-1),
            Duration.ofNanos(999_999),
            YEAR.plusNanos(1),
            Duration.ofSeconds(Long.MAX_VALUE))) {
      assertRefused("lease must be from 1 ms to PT8760H, but is " + wrong, () -> lock("x", wrong));
    }
    assertThat(redis.calls("evalsha") + redis.calls("eval"), is(before));
    assertThat(lock("x", YEAR).isLocked(), is(false));
    assertThat(lock("x", Duration.ofMillis(1)).isLocked(), is(false));
  }

  @Test
  void wrongArgumentsOfALeaseAreRefusedBeforeAnyRequest() {
    RedisLock lock = lock(redis.unique("arguments"), LEASE);
    assertThrows(NullPointerException.class, () -> lock.acquire(null));
    assertThrows(NullPointerException.class, () -> lock.tryAcquire(null));
    Lease lease = lock.tryAcquire().orElseThrow();
    long before = redis.calls("evalsha");
    assertThrows(NullPointerException.class, () -> lease.extend(null));
    assertThrows(NullPointerException.class, () -> lease.keepAlive(null, () -> {}));
    assertThrows(NullPointerException.class, () -> lease.keepAlive(LEASE, null));
    for (Duration wrong : List.of(Duration.ZERO, Duration.ofMillis(-1), YEAR.plusMillis(1))) {
      assertRefused("leaseFromNow must be from", () -> lease.extend(wrong));
      assertRefused("maxHold must be from", () -> lease.keepAlive(wrong, () -> {}));
    }
    assertThat(redis.calls("evalsha"), is(before));
    lease.close();
  }

  @Test
  void aKeyOfAForeignTypeIsReportedAndLeftUntouched() {
    for (String part : List.of("", ":s")) {
      String name = redis.unique("foreign");
      String key = key(name) + part;
      redis.admin().sadd(key, "theirs");
      RedisLock lock = lock(name, LEASE);
      assertThat(
          assertThrows(JedisDataException.class, lock::tryAcquire).getMessage(),
          startsWith("WRONGTYPE"));
      assertThrows(JedisDataException.class, () -> lock.acquire(LEASE));
      assertThat(redis.admin().smembers(key).contains("theirs"), is(true));
      assertThat(redis.admin().exists(key(name)), is(part.isEmpty()));
      assertThat(redis.borrowed(), is(0));
    }
  }

  @Test
  void aWakeListOfAForeignTypeIsReportedToWhoeverNeedsItAndLeftUntouched() {
    String name = redis.unique("foreign");
    redis.admin().sadd(key(name) + ":q", "theirs");
    RedisLock lock = lock(name, LEASE);
    Lease lease = lock.tryAcquire().orElseThrow();
    assertThrows(JedisDataException.class, () -> lock.acquire(LEASE));
    assertThrows(JedisDataException.class, lease::release);
    assertThat(redis.admin().smembers(key(name) + ":q").contains("theirs"), is(true));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void aForeignStringCountsAsAHolderThatNeverLeaves() throws Exception {
    String name = redis.unique("string");
    redis.admin().set(key(name), "theirs");
    RedisLock lock = lock(name, LEASE);
    assertThat(lock.tryAcquire(), is(Optional.empty()));
    assertThat(lock.tryAcquire(Duration.ofMillis(300)), is(Optional.empty()));
    assertThat(redis.admin().get(key(name)), is("theirs"));
  }

  @Test
  void aGrantThatArrivesAfterItsLeaseIsGivenBack() {
    String name = redis.unique("late");
    RedisLock lock = lock(name, Duration.ofMillis(300));
    lock(name, LEASE).tryAcquire().orElseThrow().close();
    pauseServer(500);
    assertThat(lock.tryAcquire(), is(Optional.empty()));
    assertThat(lock.isLocked(), is(false));
  }

  @Test
  void aWaiterGoesOnAfterAGrantThatCameTooLate() throws Exception {
    String name = redis.unique("late");
    RedisLock lock = lock(name, Duration.ofMillis(300));
    lock(name, LEASE).tryAcquire().orElseThrow().close();
    pauseServer(500);
    try (Lease lease = lock.acquire(LEASE)) {
      assertThat(lease.isHeld(), is(true));
    }
  }

  @Test
  void aConnectionLostInAnAttemptIsThrownAndNothingIsHeld() {
    Set<String> others = clients("");
    try (TestRedis small = redis.withMaxTotal(1)) {
      String name = small.unique("killed");
      RedisLock lock = lock(small, name, LEASE);
      assertThat(lock.isLocked(), is(false));
      Set<String> ours = clients("cmd=exists ");
      ours.removeAll(others);
      kill(ours);
      assertThrows(JedisException.class, lock::tryAcquire);
      assertThat(redis.admin().exists(key(name)), is(false));
      lock.tryAcquire().orElseThrow().close();
    }
  }

  @Test
  void aWaiterWhoseConnectionsAreKilledGoesOn() throws Exception {
    String name = redis.unique("killed");
    Lease held = lock(name, LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      RedisLock lock = lock(name, LEASE);
      Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
      for (int i = 0; i < 3; i++) {
        awaitBlocked();
        kill(clients(BLOCKED));
      }
      awaitBlocked();
      redis.admin().del(key(name));
      waiter.get().close();
    }
    assertThat(held.isHeld(), is(true));
  }

  @Test
  void aWaiterThatIsUnblockedWithAnErrorGoesOn() throws Exception {
    String name = redis.unique("unblocked");
    Lease held = lock(name, LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      RedisLock lock = lock(name, LEASE);
      Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
      awaitBlocked();
      try (Jedis jedis = new Jedis(redis.address())) {
        for (String id : clients(BLOCKED)) {
          jedis.clientUnblock(Long.parseLong(id), UnblockType.ERROR);
        }
      }
      awaitBlocked();
      held.close();
      waiter.get().close();
    }
  }

  @Test
  void aRedisThatIsDownIsThrownByEveryCallThatNeedsIt() {
    String name = redis.unique("down");
    try (TestRedis nowhere = redis.at(new HostAndPort("127.0.0.1", 1))) {
      RedisLock lock = lock(nowhere, name, LEASE);
      assertThrows(JedisException.class, lock::tryAcquire);
      assertThrows(JedisException.class, () -> lock.tryAcquire(Duration.ofMillis(200)));
      assertThrows(JedisException.class, () -> lock.acquire(Duration.ofMillis(200)));
      assertThrows(JedisException.class, lock::isLocked);
    }
  }

  @Test
  void aClosedPoolEndsAWaitAtOnce() {
    TestRedis closed = redis.withMaxTotal(4);
    RedisLock lock = lock(closed, redis.unique("closed"), LEASE);
    closed.close();
    assertThrows(JedisException.class, () -> lock.acquire(LEASE));
  }

  private void awaitBlocked() {
    await()
        .pollInterval(Duration.ofMillis(2))
        .until(() -> redis.admin().info("clients").contains("blocked_clients:1\r"));
  }

  private void kill(Set<String> ids) {
    try (Jedis jedis = new Jedis(redis.address())) {
      for (String id : ids) {
        jedis.clientKill(ClientKillParams.clientKillParams().id(id));
      }
    }
  }

  /** The ids of the clients in whose description this occurs. */
  private Set<String> clients(String description) {
    try (Jedis jedis = new Jedis(redis.address())) {
      return jedis
          .clientList()
          .lines()
          .filter(line -> line.contains(description))
          .map(line -> line.replaceAll("^id=(\\d+) .*", "$1"))
          .collect(Collectors.toSet());
    }
  }

  private void pauseServer(long millis) {
    try (Jedis jedis = new Jedis(redis.address())) {
      jedis.clientPause(millis);
    }
  }

  private static void assertRefused(String message, Supplier<?> call) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call::get);
    assertThat(e.getMessage(), startsWith(message));
  }

  private RedisLock lock(String name, Duration lease) {
    return lock(redis, name, lease);
  }

  private static RedisLock lock(TestRedis redis, String name, Duration lease) {
    return redis.over(p -> new RedisLock(p, name, lease), c -> new RedisLock(c, name, lease));
  }

  private static String key(String name) {
    return "lock:{" + name + "}";
  }
}
