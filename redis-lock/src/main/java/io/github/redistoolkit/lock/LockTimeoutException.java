package io.github.redistoolkit.lock;

/**
 * Thrown by {@link RedisLock#acquire} when somebody else held the lock all the time, and by {@link
 * RedisSemaphore#acquire} when others held all permits, and by those who waited in vain for a
 * {@link RedisReadWriteLock}.
 */
public final class LockTimeoutException extends LockException {

  private static final long serialVersionUID = 1L;

  LockTimeoutException(String message) {
    super(message);
  }
}
