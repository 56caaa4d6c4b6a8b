package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;
import java.util.Optional;

/** One handler's subscription to a {@link DurableTopic}. Thread-safe. */
public interface DurableSubscription extends AutoCloseable {

  /**
   * Returns the name of the topic.
   *
   * @return the name as it was given
   */
  String topic();

  /**
   * Returns the group.
   *
   * @return the group; empty for one that follows
   */
  Optional<String> group();

  /**
   * Tells whether the handler is still to receive messages.
   *
   * @return false once this subscription or its {@link DurableTopic} is closed; true also while
   *     Redis cannot be reached
   */
  boolean isActive();

  /**
   * Returns how often the handler returned without throwing.
   *
   * @return the count since the subscription was made; no I/O
   */
  long handled();

  /**
   * Returns how many attempts failed: the handler threw, or the message could not be decoded.
   *
   * @return the count since the subscription was made; no I/O
   */
  long failed();

  /** Ends the subscription as {@link #close(Duration)} does, within the topic's close timeout. */
  @Override
  void close();

  /**
   * Ends the subscription. Nothing more is begun; what was read and not begun is handed back at
   * once, so that another consumer of the group gets it, and counts as no delivery. Handlers that
   * run are waited for. One that still runs when the time is over goes on, but its lease is renewed
   * no more: another consumer may take the message over.
   *
   * <p>Called by the handler itself, this does not wait for it. It takes up to a second longer than
   * {@code maxWait} where Redis does not answer; then what was read comes to others after its
   * lease.
   *
   * @param maxWait how long to wait for handlers at most, from 1 ms to 1 hour; an interrupt ends it
   *     too, and stays set
   * @return whether all handlers have ended and Redis knows what they have done
   * @throws NullPointerException if {@code maxWait} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  boolean close(Duration maxWait);
}
