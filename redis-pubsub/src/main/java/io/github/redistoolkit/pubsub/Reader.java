package io.github.redistoolkit.pubsub;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Connects, reads until the connection is dead, and does so again, until closed. */
final class Reader implements Runnable {

  private static final long FIRST_BACKOFF_MILLIS = 50;
  private static final long LONGEST_BACKOFF_MILLIS = 1000;

  private final Link link;

  Reader(Link link) {
    this.link = link;
  }

  @Override
  public void run() {
    // Connections in a row that failed, or did not live for long.
    int failures = 0;
    while (link.awaitWanted(backoff(failures))) {
      failures = connectAndRead() ? 0 : failures + 1;
    }
  }

  /** Never throws, since without this thread nothing would ever come back. */
  private boolean connectAndRead() {
    try {
      Session session = link.connect();
      return session != null && read(session);
    } catch (Throwable t) {
      link.log().warn(t, "Failed to keep the subscriptions; trying again");
      return false;
    }
  }

  private boolean read(Session session) {
    Throwable cause = new IllegalStateException("not begun");
    try {
      link.begin(session);
      for (Session next = session; next != null; next = link.successorOf(next)) {
        cause = next.readUntilDead();
      }
    } catch (Throwable t) {
      cause = t;
      session.die(t);
      link.die(t);
    }
    return link.end(cause);
  }

  /** None at first, then doubling, and jittered so that a crowd does not come back at once. */
  static Duration backoff(int failures) {
    if (failures == 0) {
      return Duration.ZERO;
    }
    long doubled = FIRST_BACKOFF_MILLIS << Math.min(failures - 1, 10);
    long longest = Math.min(doubled, LONGEST_BACKOFF_MILLIS);
    return Duration.ofMillis(ThreadLocalRandom.current().nextLong(longest / 2, longest + 1));
  }
}
