package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.util.Pool;

/** What is refused before any I/O: there is no Redis here. */
class RedisSemaphoreTest {

  private static final Duration LEASE = Duration.ofSeconds(5);

  @SuppressWarnings("deprecation") // what most code holds
  private final Pool<Jedis> pool = new JedisPool("127.0.0.1", 1);

  @Test
  void nullsAreRefused() {
    assertNull("pool", () -> new RedisSemaphore((Pool<Jedis>) null, "name", 1, LEASE));
    assertNull("client", () -> new RedisSemaphore((UnifiedJedis) null, "name", 1, LEASE));
    assertNull("name", () -> new RedisSemaphore(pool, null, 1, LEASE));
    assertNull("lease", () -> new RedisSemaphore(pool, "name", 1, null));
    assertNull("name", () -> RedisSemaphore.builder(pool, null, 1, LEASE));
    assertNull("lease", () -> RedisSemaphore.builder(pool, "name", 1, null));
    assertNull("prefix", () -> RedisSemaphore.builder(pool, "name", 1, LEASE).prefix(null));
    assertNull("listener", () -> RedisSemaphore.builder(pool, "name", 1, LEASE).listener(null));
    assertNull("maxWait", () -> new RedisSemaphore(pool, "name", 1, LEASE).acquire(null));
    assertNull("name", () -> RedisLocks.over(pool).semaphore(null, 1, LEASE));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 1_001, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void permitsOutOfRangeAreRefused(int permits) {
    for (Executable call :
        new Executable[] {
          () -> new RedisSemaphore(pool, "name", permits, LEASE).tryAcquire(),
          () -> RedisSemaphore.builder(pool, "name", permits, LEASE).build(),
          () -> RedisLocks.over(pool).semaphore("name", permits, LEASE).tryAcquire()
        }) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
      assertThat(e.getMessage(), is("permits must be from 1 to 1000, but is " + permits));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "half a pair: \ud800"})
  void namesThatCannotBeKeysAreRefused(String name) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new RedisSemaphore(pool, name, 1, LEASE).availablePermits());
    assertThat(e.getMessage(), startsWith("name "));
  }

  @Test
  void leasesOutOfRangeAndPrefixesWithBracesAreRefused() {
    IllegalArgumentException lease =
        assertThrows(
            IllegalArgumentException.class,
            () -> new RedisSemaphore(pool, "name", 1, Duration.ZERO).tryAcquire());
    assertThat(lease.getMessage(), is("lease must be from 1 ms to PT8760H, but is PT0S"));
    IllegalArgumentException prefix =
        assertThrows(
            IllegalArgumentException.class,
            () -> RedisSemaphore.builder(pool, "name", 1, LEASE).prefix("{a}"));
    assertThat(prefix.getMessage(), startsWith("prefix must not have braces"));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 1_000})
  void permitsAtTheBoundsAreAccepted(int permits) {
    RedisSemaphore semaphore = new RedisSemaphore(pool, "}name{", permits, LEASE);
    assertThrows(JedisConnectionException.class, semaphore::tryAcquire);
  }

  private static void assertNull(String name, Executable call) {
    NullPointerException e = assertThrows(NullPointerException.class, call);
    assertThat(e.getMessage(), is(name));
  }
}
