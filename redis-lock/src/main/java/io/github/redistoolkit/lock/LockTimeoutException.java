package io.github.redistoolkit.lock;

/**
 * Thrown when a caller has waited for {@code maxWait} in vain: {@link RedisLock#acquire} throws it
 * if others held the lock all the time, {@link RedisSemaphore#acquire} if others held all permits,
 * and so do the locks of a {@link RedisReadWriteLock}.
 */
public final class LockTimeoutException extends LockException {

  private static final long serialVersionUID = 1L;

  LockTimeoutException(String message) {
    super(message);
  }
}
