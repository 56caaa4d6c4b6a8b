package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.util.Pool;

/** What is refused before any I/O: there is no Redis here. */
class RedisLockTest {

  private static final Duration LEASE = Duration.ofSeconds(5);

  @SuppressWarnings("deprecation") // what most code holds
  private final Pool<Jedis> pool = new JedisPool("127.0.0.1", 1);

  @Test
  void nullsAreRefused() {
    assertNull("pool", () -> new RedisLock((Pool<Jedis>) null, "name", LEASE));
    assertNull("client", () -> new RedisLock((UnifiedJedis) null, "name", LEASE));
    assertNull("name", () -> new RedisLock(pool, null, LEASE));
    assertNull("lease", () -> new RedisLock(pool, "name", null));
    assertNull("maxWait", () -> new RedisLock(pool, "name", LEASE).tryAcquire(null));
    assertNull("maxWait", () -> new RedisLock(pool, "name", LEASE).acquire(null));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999999S", "PT8760H0.000000001S"})
  void leasesOutOfRangeAreRefused(Duration lease) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> new RedisLock(pool, "name", lease).isLocked());
    assertThat(e.getMessage(), is("lease must be from 1 ms to PT8760H, but is " + lease));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0.001S", "PT8760H"})
  void leasesAtTheBoundsAreAccepted(Duration lease) {
    RedisLock lock = new RedisLock(pool, "}name{", lease);
    assertThrows(JedisConnectionException.class, lock::tryAcquire);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "half a pair: \ud800"})
  void namesThatCannotBeKeysAreRefused(String name) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> new RedisLock(pool, name, LEASE).isLocked());
    assertThat(e.getMessage(), startsWith("name "));
  }

  @Test
  void anInterruptedThreadIsRefusedBeforeItWaits() {
    RedisLock lock = new RedisLock(pool, "name", LEASE);
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> lock.acquire(LEASE));
    assertThat(Thread.interrupted(), is(false));
  }

  private static void assertNull(String argument, org.junit.jupiter.api.function.Executable call) {
    assertThat(assertThrows(NullPointerException.class, call).getMessage(), is(argument));
  }
}
