package io.github.redistoolkit.lock;

/** What a lock throws of its own; what Jedis throws passes through as it is. */
public class LockException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  LockException(String message) {
    super(message);
  }

  LockException(String message, Throwable cause) {
    super(message, cause);
  }
}
