package io.github.redistoolkit.lock;

import java.util.function.Supplier;
import redis.clients.jedis.exceptions.JedisException;

/** Calls to Redis by threads that are interrupted. */
final class Interrupts {

  private Interrupts() {}

  /**
   * Makes a call that is safe to make twice, to its end, and keeps the thread's interrupt flag.
   *
   * <p>An interrupt would fail the borrowing from an exhausted pool, and on a virtual thread close
   * the socket.
   */
  static <T> T complete(Supplier<T> call) {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          return call.get();
        } catch (JedisException e) {
          if (!clear(e)) {
            throw e;
          }
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Tells whether a call failed because of an interrupt, whose flag is cleared. */
  static boolean clear(JedisException failure) {
    // RedisClient's pool clears the flag itself when a borrower is interrupted.
    return Thread.interrupted() || failure.getCause() instanceof InterruptedException;
  }
}
