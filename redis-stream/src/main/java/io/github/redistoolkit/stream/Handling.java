package io.github.redistoolkit.stream;

import org.jspecify.annotations.Nullable;

/** Whose handler is running on a thread, so that a handler may close its own subscription. */
final class Handling {

  private static final ThreadLocal<@Nullable Object> BY = new ThreadLocal<>();

  private Handling() {}

  /** Runs handlers of a subscription on this thread. */
  static void by(Object subscription, Runnable work) {
    Object around = BY.get();
    BY.set(subscription);
    try {
      work.run();
    } finally {
      if (around == null) {
        BY.remove();
      } else {
        BY.set(around);
      }
    }
  }

  static boolean isBy(Object subscription) {
    return BY.get() == subscription;
  }
}
