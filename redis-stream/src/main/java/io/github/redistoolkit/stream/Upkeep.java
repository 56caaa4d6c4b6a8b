package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a consumer does for a stream now and then: has it trimmed, has consumers removed that are
 * gone, and learns how its group is. Used by the thread that reads.
 */
final class Upkeep {

  private static final Duration SHORTEST = Duration.ofSeconds(1);
  private static final Duration LONGEST = Duration.ofSeconds(10);
  private static final int MOST_PAGES = 100;

  /** How many leases a consumer does nothing until it counts as gone. */
  private static final int GONE_LEASES = 10;

  /** How often to look for those. A consumer makes itself anew after half that time. */
  private static final int LOOK_LEASES = 2;

  private final Settings<?> settings;
  private final String group;
  private final String consumer;
  private final DurableSubscription subscription;
  private final Ticker ticker;
  private final long pauseNanos;
  private long due;
  private long lookDue;
  private String trimmed = "";

  /**
   * Makes one that is due after its pause.
   *
   * @param consumer what Redis knows the consumer as
   * @param subscription what the listener knows it as, who is told of messages that were trimmed
   *     before the group had done with them
   */
  Upkeep(
      Settings<?> settings,
      String group,
      String consumer,
      DurableSubscription subscription,
      Ticker ticker) {
    this.settings = settings;
    this.group = group;
    this.consumer = consumer;
    this.subscription = subscription;
    this.ticker = ticker;
    this.pauseNanos =
        Math.max(SHORTEST.toNanos(), Math.min(LONGEST.toNanos(), settings.lease().toNanos() / 3));
    this.due = ticker.nanoTime() + pauseNanos;
    this.lookDue = due;
  }

  /**
   * How a group is.
   *
   * @param generation which of those that had this name; empty if there is none
   * @param last the last id that it got
   * @param pending how many of its entries consumers have
   */
  record Found(String generation, String last, long pending) {}

  /** When to do it next. */
  long due() {
    return due;
  }

  boolean isDue() {
    return ticker.nanoTime() - due >= 0;
  }

  /** Does it, and says how the group is. */
  Found run(OwnConnection connection) {
    List<?> reply = List.of();
    boolean more = true;
    for (int page = 0; more && page < MOST_PAGES; page++) {
      reply = StreamReplies.list(ask(connection));
      tellLost(StreamReplies.number(reply.get(1)));
      more = StreamReplies.number(reply.get(3)) == 1;
      trimmed = StreamReplies.text(reply.get(5));
    }
    due = ticker.nanoTime() + pauseNanos;
    return new Found(
        StreamReplies.text(reply.get(0)),
        StreamReplies.text(reply.get(2)),
        StreamReplies.number(reply.get(4)));
  }

  /** At once: Redis tells it no more, and the next page may fail. */
  private void tellLost(long count) {
    if (count > 0) {
      settings.reports().tell(listener -> listener.onTrimmed(subscription, count));
    }
  }

  private @Nullable Object ask(OwnConnection connection) {
    long now = ticker.nanoTime();
    boolean looks = now - lookDue >= 0;
    long lease = settings.lease().toMillis();
    Object reply =
        connection.run(
            StreamScripts.KEEP,
            List.of(
                settings.keys().stream(), settings.keys().again(group), settings.keys().groups()),
            List.of(
                group,
                looks ? String.valueOf(GONE_LEASES * lease) : "0",
                String.valueOf(settings.maxAge()),
                consumer,
                trimmed));
    if (looks) {
      lookDue = now + LOOK_LEASES * settings.lease().toNanos();
    }
    return reply;
  }
}
