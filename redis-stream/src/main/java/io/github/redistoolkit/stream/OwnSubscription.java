package io.github.redistoolkit.stream;

/** How a topic ends its subscriptions: all of them at the same time. */
interface OwnSubscription extends DurableSubscription {

  /** Begins nothing more. */
  void beginClose();

  /** Waits for handlers, and hands back what is left; returns whether all that came to its end. */
  boolean finishClose(long deadlineNanos);
}
