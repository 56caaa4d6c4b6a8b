package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Opened;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Connects, reads until the connection is dead, and does so again, until closed. */
final class Reader implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(Reader.class);

  private static final long FIRST_BACKOFF_MILLIS = 50;
  private static final long LONGEST_BACKOFF_MILLIS = 1000;

  private final RedisAccess redis;
  private final Subscriber subscriber;
  private final Duration longestSilence;

  Reader(RedisAccess redis, Subscriber subscriber, Duration longestSilence) {
    this.redis = redis;
    this.subscriber = subscriber;
    this.longestSilence = longestSilence;
  }

  @Override
  public void run() {
    // Connections in a row that failed before everything was confirmed on them.
    int failures = 0;
    while (subscriber.awaitWanted(backoff(failures))) {
      Session session = connect();
      boolean wasEstablished = session != null && readUntilDead(session);
      failures = wasEstablished ? 0 : failures + 1;
    }
  }

  private @Nullable Session connect() {
    try {
      Opened opened = redis.open((int) longestSilence.toMillis());
      return new Session(opened);
    } catch (Throwable t) { // an Error too: without this thread nothing would ever come back
      LOG.debug("Failed to connect", t);
      subscriber.failedToConnect(t);
      return null;
    }
  }

  private boolean readUntilDead(Session session) {
    subscriber.begin(session);
    Throwable cause = session.readUntilDead(subscriber);
    return subscriber.end(session, cause);
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
