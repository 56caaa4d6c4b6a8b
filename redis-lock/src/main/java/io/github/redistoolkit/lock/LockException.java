package io.github.redistoolkit.lock;

/** An exception of a lock's own. Exceptions of Jedis pass through as they are. */
public class LockException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  LockException(String message) {
    super(message);
  }

  LockException(String message, Throwable cause) {
    super(message, cause);
  }
}
