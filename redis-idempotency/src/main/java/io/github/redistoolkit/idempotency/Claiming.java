package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.idempotency.Records.Changed;
import io.github.redistoolkit.idempotency.Records.Live;
import io.github.redistoolkit.idempotency.Records.Mine;
import io.github.redistoolkit.idempotency.Records.Over;
import io.github.redistoolkit.idempotency.Records.Taken;
import io.github.redistoolkit.idempotency.Stored.Phase;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * One caller's way to a key: writes its record, or finds what another has written there. Not
 * thread-safe.
 */
final class Claiming {

  private static final long LEAST_POLL_PAUSE_MILLIS = 100;
  private static final long MOST_POLL_PAUSE_MILLIS = 150;

  private final Records records;
  private final String redisKey;
  private final Stored wanted;
  private final long ttlMillis;
  private final Over over;
  private final Ticker ticker;
  private final long start;

  /** Another's claim as last heard of. */
  private @Nullable String liveOwner;

  private long liveUntil;

  /** Whether something was sent whose outcome is unknown. */
  private boolean inDoubt;

  Claiming(Records records, String redisKey, Stored wanted, long ttlMillis, Over over) {
    this.records = records;
    this.redisKey = redisKey;
    this.wanted = wanted;
    this.ttlMillis = ttlMillis;
    this.over = over;
    this.ticker = records.ticker();
    this.start = ticker.nanoTime();
  }

  /** What a caller comes to. */
  sealed interface Found {}

  /** What the caller wanted is there now. */
  record Written(Stored record, boolean tookOver) implements Found {}

  /** The key has an answer already, which may be that its outcome is open. */
  record Answered(Stored record) implements Found {}

  /** Another caller has a live claim, for so long or a moment. */
  record InProgress(Duration remaining) implements Found {

    private static final Duration MOMENT = Duration.ofMillis(1);

    InProgress {
      remaining = remaining.compareTo(MOMENT) < 0 ? MOMENT : remaining;
    }
  }

  boolean isInDoubt() {
    return inDoubt;
  }

  /** What the caller wants to write, to be sent by somebody else. */
  Records.Put put() {
    return new Records.Put(redisKey, wanted, ttlMillis);
  }

  /**
   * Asks until there is something other than another's live claim, or the wait is over.
   *
   * @throws InProgressException if interrupted while waiting
   */
  Found run(Duration maxWait) {
    while (true) {
      Found found;
      try {
        found = ask();
      } catch (JedisException e) {
        // An outage ends a wait no sooner than the other's work does.
        if (liveOwner == null || !Failures.isPassing(e) || nanosLeft(maxWait) <= 0) {
          throw e;
        }
        found = new InProgress(remaining());
      }
      if (!(found instanceof InProgress live) || nanosLeft(maxWait) <= 0) {
        return found;
      }
      pause(live, nanosLeft(maxWait));
    }
  }

  /** Goes on from the reply to {@link #put}, without waiting for another caller. */
  Found runAfter(Supplier<@Nullable Stored> reply) {
    Stored seen;
    try {
      seen = reply.get();
    } catch (JedisException e) {
      // Of a batch one may have failed alone, as where its node has not answered.
      inDoubt |= records.mayHaveRun(e);
      return run(Duration.ZERO);
    }
    Found found = resolve(seen);
    return found == null ? run(Duration.ZERO) : found;
  }

  private long nanosLeft(Duration maxWait) {
    return maxWait.toNanos() - (ticker.nanoTime() - start);
  }

  private Found ask() {
    while (true) {
      Found found = resolve(putOrGet());
      if (found != null) {
        return found;
      }
    }
  }

  /** A server that refuses to write, as for lack of memory, can still tell what there is. */
  private @Nullable Stored putOrGet() {
    try {
      return sending(() -> records.put(redisKey, wanted, ttlMillis));
    } catch (JedisDataException e) {
      Stored found = Failures.isPassing(e) ? records.get(redisKey) : null;
      if (found == null) {
        throw e;
      }
      return found;
    }
  }

  /**
   * Goes on from what {@link Records#put} has found.
   *
   * @return null if that is not there any more
   * @throws FingerprintMismatchException if it has another fingerprint
   */
  @Nullable Found resolve(@Nullable Stored seen) {
    if (seen == null) {
      return new Written(wanted, false);
    }
    if (seen.owner().equals(wanted.owner()) && seen.phase() == wanted.phase()) {
      return new Written(seen, false);
    }
    if (seen.differsFrom(wanted.fingerprint())) {
      throw new FingerprintMismatchException();
    }
    if (!isReplaceable(seen.phase())) {
      return new Answered(seen);
    }
    if (isLiveStill(seen)) {
      return new InProgress(remaining());
    }
    return replace(seen);
  }

  /** Whether the lease last heard of is not over, so that no script need be asked. */
  private boolean isLiveStill(Stored seen) {
    return over == Over.FREE
        && seen.phase() == Phase.CLAIMED
        && seen.owner().equals(liveOwner)
        && !remaining().isZero();
  }

  private boolean isReplaceable(Phase phase) {
    return switch (phase) {
      case CLAIMED, FREE -> true;
      case OPEN, RESULTLESS -> over == Over.ANY;
      case COMPLETED, FAILED -> false;
    };
  }

  private @Nullable Found replace(Stored seen) {
    Taken taken = sending(() -> records.take(redisKey, seen, wanted, ttlMillis, over));
    if (taken instanceof Live live) {
      liveOwner = seen.owner();
      liveUntil = ticker.nanoTime() + live.remaining().toNanos();
      return new InProgress(live.remaining());
    }
    if (taken == Changed.CHANGED) {
      return null;
    }
    Mine mine = (Mine) taken;
    return new Written(
        new Stored(
            wanted.phase(),
            wanted.owner(),
            mine.sequence(),
            mine.vanished(),
            wanted.keepMillis(),
            0,
            mine.fingerprint(),
            wanted.body()),
        mine.vanished() > seen.vanished());
  }

  private Duration remaining() {
    return Duration.ofNanos(Math.max(0, liveUntil - ticker.nanoTime()));
  }

  private static void pause(InProgress other, long nanosLeft) {
    // Jittered, so that the waiters of one key do not ask all at once.
    long millis =
        ThreadLocalRandom.current().nextLong(LEAST_POLL_PAUSE_MILLIS, MOST_POLL_PAUSE_MILLIS + 1);
    try {
      TimeUnit.NANOSECONDS.sleep(Math.min(nanosLeft, TimeUnit.MILLISECONDS.toNanos(millis)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InProgressException(other.remaining(), e);
    }
  }

  private <T extends @Nullable Object> T sending(Supplier<T> call) {
    return twice(
        () -> {
          try {
            return call.get();
          } catch (JedisException e) {
            inDoubt |= records.mayHaveRun(e);
            throw e;
          }
        });
  }

  /** Sends something again if a connection broke, so that its outcome is unknown. */
  static <T extends @Nullable Object> T twice(Supplier<T> call) {
    try {
      return call.get();
    } catch (JedisConnectionException first) {
      if (Thread.currentThread().isInterrupted()) {
        throw first;
      }
      try {
        return call.get();
      } catch (JedisException second) {
        if (second != first) {
          second.addSuppressed(first);
        }
        throw second;
      }
    }
  }
}
