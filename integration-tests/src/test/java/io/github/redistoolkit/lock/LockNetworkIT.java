package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisException;

/** Replies that are lost, connections that break, and silence. */
@EachClient
class LockNetworkIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;
  private final FaultProxy proxy;
  private final TestRedis faulty;
  private final AtomicInteger losses = new AtomicInteger();

  LockNetworkIT(TestRedis redis) {
    this.redis = redis;
    this.proxy = FaultProxy.before(redis.address());
    this.faulty = redis.at(proxy.address());
  }

  @BeforeEach
  void loadScripts() {
    Lease lease = lock(faulty, redis.unique("scripts"), LEASE).tryAcquire().orElseThrow();
    assertThat(lease.extend(LEASE), is(true));
    lease.close();
  }

  @AfterEach
  void stop() {
    proxy.close();
    faulty.close();
  }

  @Test
  void anAttemptWhoseReplyIsLostThrowsAndWhatItGotIsGivenBack() {
    String name = redis.unique("reply");
    RedisLock lock = lock(faulty, name, LEASE);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThrows(JedisException.class, lock::tryAcquire);
    assertThat(loss.happened(), is(true));
    assertThat(redis.admin().exists(key(name)), is(false));
  }

  @Test
  void anAttemptThatHearsNothingThrowsAndWhatItGotIsGivenBack() {
    String name = redis.unique("silence");
    RedisLock lock = lock(faulty, name, LEASE);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.SILENCE);
    assertThrows(JedisException.class, lock::tryAcquire);
    assertThat(loss.happened(), is(true));
    assertThat(redis.admin().exists(key(name)), is(false));
  }

  @Test
  void anAttemptThatCannotEvenGiveBackThrowsAndLeavesNothingBeyondOneLease() {
    String name = redis.unique("orphan");
    Duration lease = Duration.ofSeconds(1);
    RedisLock lock = lock(faulty, name, lease);
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    JedisException e = assertThrows(JedisException.class, lock::tryAcquire);
    assertThat(e.getSuppressed().length, is(1));
    await().atMost(Duration.ofSeconds(5)).until(() -> !redis.admin().exists(key(name)));
  }

  @Test
  void aWaiterWhoseReplyIsLostGoesOnAsTheSameOwner() throws Exception {
    String name = redis.unique("waiter");
    RedisLock lock = lock(faulty, name, LEASE);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
    long start = System.nanoTime();
    try (Lease lease = lock.acquire(LEASE)) {
      assertThat(loss.happened(), is(true));
      assertThat(System.nanoTime() - start, is(lessThan(seconds(10))));
      // Its lease began with the second request, so that what it believes is true.
      assertThat(lease.remaining().toMillis(), is(lessThan(redis.admin().pttl(key(name)))));
      String token = redis.admin().hget(key(name) + ":s", "token");
      assertThat(token, is(String.valueOf(lease.token())));
    }
    assertThat(redis.admin().exists(key(name)), is(false));
  }

  @Test
  void aWaiterWhoseWakeUpIsLostOnTheWayAsksAgainByItself() throws Exception {
    String name = redis.unique("wake");
    Lease held = lock(redis, name, LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      proxy.loseReply("BLPOP", 1, Then.CUT);
      Crew.Started<Lease> waiter = crew.start(() -> lock(faulty, name, LEASE).acquire(LEASE));
      await().until(() -> proxy.requests("BLPOP") > 0);
      long released = System.nanoTime();
      held.close();
      waiter.get().close();
      assertThat(System.nanoTime() - released, is(lessThan(seconds(10))));
    }
  }

  @Test
  void aWaiterOutlastsARedisThatIsAwayForAWhile() throws Exception {
    String name = redis.unique("away");
    proxy.refuse();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock(faulty, name, LEASE).acquire(LEASE));
      await().until(() -> waiter.thread().getState() == Thread.State.TIMED_WAITING);
      proxy.accept();
      waiter.get().close();
    }
  }

  @Test
  void aReleaseWhoseReplyIsLostThrowsAndSucceedsWhenTriedAgain() {
    String name = redis.unique("release");
    Lease lease = lock(faulty, name, LEASE).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThrows(JedisException.class, lease::release);
    assertThat(lease.isHeld(), is(false));
    assertThat(redis.admin().exists(key(name)), is(false));
    for (int i = 0; i < 20; i++) {
      lock(redis, name, LEASE).tryAcquire().orElseThrow().close();
    }
    assertThat(lease.release(), is(true));
    lease.close();
    assertThat(losses.get(), is(0));
  }

  @Test
  void aReleaseWithoutRedisThrowsAndTheKeyExpiresByItself() {
    String name = redis.unique("down");
    Lease lease = lock(faulty, name, Duration.ofSeconds(1)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    proxy.refuse();
    assertThrows(JedisException.class, lease::close);
    assertThat(lease.isHeld(), is(false));
    proxy.accept();
    await().atMost(Duration.ofSeconds(5)).until(() -> !redis.admin().exists(key(name)));
    assertThat(losses.get(), is(0));
  }

  @Test
  void anExtensionWhoseReplyIsLostThrowsAndTheEarlierEndCounts() {
    String name = redis.unique("extend");
    Lease lease = lock(faulty, name, LEASE).tryAcquire().orElseThrow();
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThrows(JedisException.class, () -> lease.extend(Duration.ofMinutes(10)));
    assertThat(lease.remaining(), is(lessThan(LEASE)));
    assertThat(lease.isHeld(), is(true));
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThrows(JedisException.class, () -> lease.extend(Duration.ofSeconds(5)));
    assertThat(lease.remaining(), is(lessThan(Duration.ofSeconds(5))));
    lease.close();
  }

  @Test
  void aRenewalThatFailsIsTriedAgainBeforeTheLeaseIsOver() {
    String name = redis.unique("renewal");
    Lease lease = lock(faulty, name, Duration.ofSeconds(3)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
    FaultProxy.Loss another = proxy.loseReply("EVALSHA", 2, Then.CUT);
    await().until(() -> loss.happened() && another.happened());
    long start = System.nanoTime();
    await().until(() -> System.nanoTime() - start > seconds(3));
    assertThat(lease.release(), is(true));
    assertThat(losses.get(), is(0));
  }

  @Test
  void aBlackHoleUnderRenewalIsALossBeforeAnyoneElseCanAcquire() throws Exception {
    String name = redis.unique("hole");
    Lease lease = lock(faulty, name, Duration.ofSeconds(1)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    proxy.blackHole();
    try (Lease next = lock(redis, name, LEASE).acquire(LEASE)) {
      assertThat(lease.isHeld(), is(false));
      await().until(() -> losses.get() == 1);
      proxy.heal();
      assertThat(lease.release(), is(false));
      assertThrows(LockLostException.class, lease::close);
      assertThat(next.extend(LEASE), is(true));
      assertThat(next.token(), is(greaterThan(lease.token())));
    }
    assertThat(losses.get(), is(1));
  }

  @Test
  void theReleaseOfALostLeaseIsFalseAlsoWithoutRedis() {
    String name = redis.unique("false");
    Lease lease = lock(faulty, name, Duration.ofMillis(500)).tryAcquire().orElseThrow();
    proxy.refuse();
    await().until(() -> !lease.isHeld());
    assertThat(lease.release(), is(false));
    assertThrows(LockLostException.class, lease::close);
  }

  @Test
  void requestsThatArriveLateHurtNoOne() throws Exception {
    String name = redis.unique("late");
    RedisLock lock = lock(faulty, name, Duration.ofSeconds(1));
    proxy.blackHole(Direction.TO_SERVER);
    assertThrows(JedisException.class, lock::tryAcquire);
    Lease next = lock(redis, name, LEASE).tryAcquire().orElseThrow();
    proxy.heal();
    await().until(() -> proxy.requests("EVALSHA") > 0);
    assertThat(next.extend(LEASE), is(true));
    assertThat(next.release(), is(true));
    lock(redis, name, LEASE).acquire(Duration.ofSeconds(10)).close();
  }

  @Test
  void aWaiterCopesWithASocketTimeoutThatIsShorterThanItsBlocks() throws Exception {
    String name = redis.unique("timeout");
    try (RedisClient hasty =
        RedisClient.builder()
            .hostAndPort(redis.address())
            .clientConfig(DefaultJedisClientConfig.builder().timeoutMillis(250).build())
            .build()) {
      RedisLock lock = new RedisLock(hasty, name, LEASE);
      Lease held = lock(redis, name, LEASE).tryAcquire().orElseThrow();
      long start = System.nanoTime();
      assertThat(lock.tryAcquire(Duration.ofMillis(1_500)), is(Optional.empty()));
      assertThat(
          System.nanoTime() - start,
          is(allOf(greaterThanOrEqualTo(seconds(1)), lessThan(seconds(10)))));
      try (Crew crew = new Crew()) {
        Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
        await().until(() -> redis.admin().info("clients").contains("blocked_clients:1\r"));
        held.close();
        waiter.get().close();
      }
      // Of the connections that timed out, none is used again.
      assertThat(hasty.getPool().getNumActive(), is(0));
    }
  }

  private static RedisLock lock(TestRedis redis, String name, Duration lease) {
    return redis.over(p -> new RedisLock(p, name, lease), c -> new RedisLock(c, name, lease));
  }

  private static long seconds(long seconds) {
    return TimeUnit.SECONDS.toNanos(seconds);
  }

  private static String key(String name) {
    return "lock:{" + name + "}";
  }
}
