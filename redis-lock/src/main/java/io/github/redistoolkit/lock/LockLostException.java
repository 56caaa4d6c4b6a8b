package io.github.redistoolkit.lock;

/**
 * Thrown by {@link Lease#close} when the lease had ended before it was closed, so that somebody
 * else may have held the lock at the same time.
 */
public final class LockLostException extends LockException {

  private static final long serialVersionUID = 1L;

  LockLostException(String message) {
    super(message);
  }
}
