package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.core.SimpleLock;
import net.javacrumbs.shedlock.provider.redis.jedis4.JedisLockProvider;
import org.redisson.api.RLock;
import org.redisson.api.RedissonClient;
import org.springframework.integration.redis.util.RedisLockRegistry;
import org.springframework.integration.redis.util.RedisLockRegistry.RedisLockType;
import org.springframework.integration.support.locks.DistributedLock;

/**
 * A lock in the hands of one thread.
 *
 * <p>The peers' are no equals of ours: none of them gives a fencing token that survives the loss of
 * Redis's data (Redisson's {@code RFencedLock} counts in a key that is lost with the rest), and
 * ShedLock does not wait.
 */
interface Mutex {

  Duration LEASE = Duration.ofSeconds(30);

  /** Takes the lock if it is free. */
  boolean tryAcquire();

  /** Waits for the lock, no longer than a lease. */
  void acquire() throws InterruptedException;

  /** Gives back what the same thread has taken. */
  void release();

  /**
   * A client, as the row does it.
   *
   * @return makes what a thread of that client holds of the lock with a name; the threads share
   *     what can be shared
   */
  static Function<String, Mutex> client(Access access) {
    return switch (access.through()) {
      case RAW -> SetIfAbsent.client(access.pool());
      case POOL, CLIENT, COALESCING, COALESCING_2 -> {
        Map<String, RedisLock> locks = new ConcurrentHashMap<>();
        yield name -> new Ours(locks.computeIfAbsent(name, key -> lock(access, key)));
      }
      case REDISSON -> {
        RedissonClient redisson = Peers.redisson(access);
        yield name -> new OfRedisson(redisson.getLock(name));
      }
      case SPRING_JEDIS, SPRING_LETTUCE -> {
        RedisLockRegistry registry =
            new RedisLockRegistry(Peers.spring(access), access.name(), LEASE);
        // Handed over by a message; by default Spring asks again every 100 ms.
        registry.setRedisLockType(RedisLockType.PUB_SUB_LOCK);
        access.closing(registry, RedisLockRegistry::destroy);
        yield name -> new OfSpring(registry.obtain(name));
      }
      case SHEDLOCK -> {
        LockProvider provider = new JedisLockProvider(access.pool(), access.name());
        yield name -> new OfShedLock(provider, name);
      }
      default -> throw new IllegalArgumentException(access.through() + " is no lock");
    };
  }

  private static RedisLock lock(Access access, String name) {
    return access.over(
        pool -> new RedisLock(pool, name, LEASE), client -> new RedisLock(client, name, LEASE));
  }

  /** The toolkit's. */
  final class Ours implements Mutex {

    private final RedisLock lock;
    private Lease lease;

    Ours(RedisLock lock) {
      this.lock = lock;
    }

    @Override
    public boolean tryAcquire() {
      Optional<Lease> taken = lock.tryAcquire();
      lease = taken.orElse(null);
      return taken.isPresent();
    }

    @Override
    public void acquire() throws InterruptedException {
      lease = lock.acquire(LEASE);
    }

    @Override
    public void release() {
      if (!lease.release()) {
        throw new IllegalStateException("the lease was lost");
      }
    }
  }

  /** {@code RLock} with a lease, so that no watchdog renews it. */
  record OfRedisson(RLock lock) implements Mutex {

    @Override
    public boolean tryAcquire() {
      try {
        return lock.tryLock(0, LEASE.toMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted", e);
      }
    }

    @Override
    public void acquire() throws InterruptedException {
      if (!lock.tryLock(LEASE.toMillis(), LEASE.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IllegalStateException("waited too long");
      }
    }

    @Override
    public void release() {
      lock.unlock();
    }
  }

  /** {@code RedisLockRegistry}. */
  record OfSpring(DistributedLock lock) implements Mutex {

    @Override
    public boolean tryAcquire() {
      return lock.tryLock();
    }

    @Override
    public void acquire() throws InterruptedException {
      if (!lock.tryLock(LEASE.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IllegalStateException("waited too long");
      }
    }

    @Override
    public void release() {
      lock.unlock();
    }
  }

  /** ShedLock, made for skipping what another does; who must wait has to ask again. */
  final class OfShedLock implements Mutex {

    private static final long PAUSE_MILLIS = 10;

    private final LockProvider provider;
    private final String name;
    private SimpleLock lock;

    OfShedLock(LockProvider provider, String name) {
      this.provider = provider;
      this.name = name;
    }

    @Override
    public boolean tryAcquire() {
      Optional<SimpleLock> taken =
          provider.lock(new LockConfiguration(Instant.now(), name, LEASE, Duration.ZERO));
      lock = taken.orElse(null);
      return taken.isPresent();
    }

    @Override
    public void acquire() throws InterruptedException {
      while (!tryAcquire()) {
        TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
      }
    }

    @Override
    public void release() {
      lock.unlock();
    }
  }
}
