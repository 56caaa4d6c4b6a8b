package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Refusals that still hold, so that Redis need not repeat them.
 *
 * <p>A refusal holds from when it was asked for, which is before it was decided, for its {@link
 * Decision#retryAfter}; so it never holds longer than in Redis. Thread-safe.
 */
final class Denials {

  private static final long BETWEEN_SWEEPS = Duration.ofMillis(100).toNanos();

  private final int most;
  private final Ticker ticker;
  private final ConcurrentHashMap<String, Denial> byKey = new ConcurrentHashMap<>();

  // Counts what makes refusals void that are under way.
  private final AtomicLong cleared = new AtomicLong();
  private final AtomicLong nextSweep;

  Denials(int most, Ticker ticker) {
    this.most = most;
    this.ticker = ticker;
    this.nextSweep = new AtomicLong(ticker.nanoTime());
  }

  /** A refusal of so many permits, asked for at an instant. */
  record Denial(long permits, long asked, Decision decision) {

    /** Returns the refusal as it is now; empty if it holds no longer. */
    Optional<Decision> at(long now) {
      Duration passed = Duration.ofNanos(Math.max(0, now - asked));
      return decision
          .retryAfter()
          .filter(retryAfter -> retryAfter.compareTo(passed) > 0)
          .map(unused -> decision.later(passed));
    }
  }

  /** A question that is under way. */
  record Question(long asked, long cleared) {}

  Question ask() {
    return new Question(ticker.nanoTime(), cleared.get());
  }

  /** Returns the refusal of the same permits that still holds. */
  Optional<Decision> denied(String key, long permits) {
    Denial denial = byKey.get(key);
    if (denial == null || denial.permits() != permits) {
      return Optional.empty();
    }
    Optional<Decision> refused = denial.at(ticker.nanoTime());
    if (refused.isEmpty()) {
      byKey.remove(key, denial);
    }
    return refused;
  }

  /** Keeps a refusal, unless there are too many, or it was made void while it was under way. */
  void remember(Question question, String key, long permits, Decision decision) {
    if (decision.outcome() != Decision.Outcome.REFUSED || (isFull() && !byKey.containsKey(key))) {
      return;
    }
    Denial denial = new Denial(permits, question.asked(), decision);
    // Within the map's own lock of the key, so that whoever clears it afterwards finds it.
    byKey.compute(key, (unused, before) -> cleared.get() == question.cleared() ? denial : before);
  }

  void forget(String key) {
    cleared.incrementAndGet();
    byKey.remove(key);
  }

  private boolean isFull() {
    if (byKey.size() < most) {
      return false;
    }
    long now = ticker.nanoTime();
    long next = nextSweep.get();
    if (now - next >= 0 && nextSweep.compareAndSet(next, now + BETWEEN_SWEEPS)) {
      byKey.values().removeIf(denial -> denial.at(now).isEmpty());
    }
    return byKey.size() >= most;
  }
}
