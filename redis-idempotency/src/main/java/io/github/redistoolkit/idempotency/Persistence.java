package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import redis.clients.jedis.exceptions.JedisException;

/** How the end of a claim is sent, which matters more than the time it takes. */
final class Persistence {

  /** How long after the first failure, and how often at least, it is sent. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private static final int LEAST_TRIES = 3;

  private Persistence() {}

  /** Tries until Redis answers or patience ends; an interrupt is kept for the caller. */
  static <T> T persistently(Ticker ticker, Supplier<T> call) {
    boolean interrupted = false;
    long firstFailure = 0;
    try {
      for (int tries = 1; ; tries++) {
        interrupted |= Thread.interrupted();
        try {
          return call.get();
        } catch (JedisException e) {
          firstFailure = tries == 1 ? ticker.nanoTime() : firstFailure;
          if (tries >= LEAST_TRIES && ticker.nanoTime() - firstFailure > PATIENCE.toNanos()) {
            throw e;
          }
        }
        // Short at first, about 60 tries in a second: what fails may be no more than a connection
        // that died while the work ran, and the next one of the pool may have died with it.
        interrupted |= isInterruptedWithin(Duration.ofNanos(500_000L * tries));
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static boolean isInterruptedWithin(Duration pause) {
    try {
      TimeUnit.NANOSECONDS.sleep(pause.toNanos());
      return false;
    } catch (InterruptedException e) {
      return true;
    }
  }
}
