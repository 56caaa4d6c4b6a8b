package io.github.redistoolkit.lock;

import java.time.Duration;
import java.util.Optional;

/** For what somebody wants a read-write lock. */
enum Side {
  READ {
    @Override
    Optional<Lease> tryAcquire(RedisReadWriteLock lock) {
      return lock.readLock().tryAcquire();
    }

    @Override
    Optional<Lease> tryAcquire(RedisReadWriteLock lock, Duration maxWait)
        throws InterruptedException {
      return lock.readLock().tryAcquire(maxWait);
    }

    @Override
    Lease acquire(RedisReadWriteLock lock, Duration maxWait) throws InterruptedException {
      return lock.readLock().acquire(maxWait);
    }

    @Override
    boolean isLocked(RedisReadWriteLock lock) {
      return lock.readLock().isLocked();
    }
  },

  WRITE {
    @Override
    Optional<Lease> tryAcquire(RedisReadWriteLock lock) {
      return lock.writeLock().tryAcquire();
    }

    @Override
    Optional<Lease> tryAcquire(RedisReadWriteLock lock, Duration maxWait)
        throws InterruptedException {
      return lock.writeLock().tryAcquire(maxWait);
    }

    @Override
    Lease acquire(RedisReadWriteLock lock, Duration maxWait) throws InterruptedException {
      return lock.writeLock().acquire(maxWait);
    }

    @Override
    boolean isLocked(RedisReadWriteLock lock) {
      return lock.writeLock().isLocked();
    }
  };

  abstract Optional<Lease> tryAcquire(RedisReadWriteLock lock);

  abstract Optional<Lease> tryAcquire(RedisReadWriteLock lock, Duration maxWait)
      throws InterruptedException;

  abstract Lease acquire(RedisReadWriteLock lock, Duration maxWait) throws InterruptedException;

  abstract boolean isLocked(RedisReadWriteLock lock);
}
