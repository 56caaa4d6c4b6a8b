package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
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
class RedisReadWriteLockTest {

  private static final Duration LEASE = Duration.ofSeconds(5);

  @SuppressWarnings("deprecation") // what most code holds
  private final Pool<Jedis> pool = new JedisPool("127.0.0.1", 1);

  private final RedisReadWriteLock lock = new RedisReadWriteLock(pool, "}name{", LEASE);

  @Test
  void nullsAreRefused() {
    assertNull("pool", () -> new RedisReadWriteLock((Pool<Jedis>) null, "name", LEASE));
    assertNull("client", () -> new RedisReadWriteLock((UnifiedJedis) null, "name", LEASE));
    assertNull("name", () -> new RedisReadWriteLock(pool, null, LEASE));
    assertNull("lease", () -> new RedisReadWriteLock(pool, "name", null));
    assertNull("name", () -> RedisReadWriteLock.builder(pool, null, LEASE));
    assertNull("lease", () -> RedisReadWriteLock.builder(pool, "name", null));
    assertNull("prefix", () -> builder().prefix(null));
    assertNull("listener", () -> builder().listener(null));
    assertNull("keepAtLeast", () -> builder().keepAtLeast(null));
    assertNull("maxWait", () -> lock.readLock().acquire(null));
    assertNull("maxWait", () -> lock.readLock().tryAcquire(null));
    assertNull("maxWait", () -> lock.writeLock().acquire(null));
    assertNull("maxWait", () -> lock.writeLock().tryAcquire(null));
    assertNull("name", () -> RedisLocks.over(pool).readWriteLock(null, LEASE));
    assertNull("lease", () -> RedisLocks.over(pool).readWriteLock("name", null));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "half a pair: \ud800"})
  void namesThatCannotBeKeysAreRefused(String name) {
    for (Executable call :
        new Executable[] {
          () -> new RedisReadWriteLock(pool, name, LEASE).readLock().tryAcquire(),
          () -> RedisReadWriteLock.builder(pool, name, LEASE).build(),
          () -> RedisLocks.over(pool).readWriteLock(name, LEASE).writeLock().tryAcquire()
        }) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
      assertThat(e.getMessage(), startsWith("name "));
    }
  }

  @Test
  void leasesAndMinimaOutOfRangeAndPrefixesWithBracesAreRefused() {
    assertRefused(
        "lease must be from 1 ms to PT8760H, but is PT0S",
        () -> new RedisReadWriteLock(pool, "name", Duration.ZERO).readLock().tryAcquire());
    assertRefused(
        "lease must be from 1 ms to PT8760H, but is PT0S",
        () -> RedisReadWriteLock.builder(pool, "name", Duration.ZERO));
    assertRefused(
        "keepAtLeast must be from 1 ms to PT5S, but is PT5.001S",
        () -> builder().keepAtLeast(LEASE.plusMillis(1)));
    assertRefused("prefix must not have braces", () -> builder().prefix("{a}"));
  }

  @Test
  void eachIsTheSameOneEachTimeAndMakesNoIoBeforeItIsAsked() {
    assertThat(lock.readLock(), is(sameInstance(lock.readLock())));
    assertThat(lock.writeLock(), is(sameInstance(lock.writeLock())));
    assertThrows(JedisConnectionException.class, () -> lock.readLock().tryAcquire());
    assertThrows(JedisConnectionException.class, () -> lock.writeLock().tryAcquire());
    assertThrows(JedisConnectionException.class, () -> lock.readLock().isLocked());
    assertThrows(JedisConnectionException.class, () -> lock.writeLock().isLocked());
  }

  private RedisReadWriteLock.Builder builder() {
    return RedisReadWriteLock.builder(pool, "name", LEASE);
  }

  private static void assertNull(String name, Executable call) {
    NullPointerException e = assertThrows(NullPointerException.class, call);
    assertThat(e.getMessage(), is(name));
  }

  private static void assertRefused(String message, Executable call) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
    assertThat(e.getMessage(), startsWith(message));
  }
}
