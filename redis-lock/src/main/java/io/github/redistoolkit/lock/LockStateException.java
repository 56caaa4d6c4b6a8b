package io.github.redistoolkit.lock;

/**
 * Thrown when the key of a lock of any kind holds text that is not its state, or numbers that it
 * cannot have. So something else has written there. Nothing is changed, and no call waits for that
 * to end. Delete the key, or take another prefix.
 */
public final class LockStateException extends LockException {

  private static final long serialVersionUID = 1L;

  LockStateException(String message, Throwable cause) {
    super(message, cause);
  }
}
