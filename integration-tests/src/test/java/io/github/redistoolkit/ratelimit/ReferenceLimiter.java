package io.github.redistoolkit.ratelimit;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a {@link RateLimiter} has to decide, by brute force on everything that was ever granted:
 * nothing is expired, indexed or packed. Times are microseconds.
 */
final class ReferenceLimiter {

  /** As what time a grant is recorded; it counts until a window later. */
  enum Recording {
    /** At its instant. */
    EXACT,
    /** At the end of its grain, as Redis does. */
    BY_GRAIN,
    /** As late as rounding ever may. */
    LATE_BY_A_GRAIN
  }

  /** As the script returns it. */
  record Verdict(
      boolean granted, Limit tightest, long remaining, long instant, long delay, long reset) {}

  private static final int MOST_AHEAD = 4096;
  private static final long MOST_RECORDED = 1L << 32;

  private final Recording recording;
  private final Map<String, State> states = new HashMap<>();
  private List<State> limits = List.of();

  ReferenceLimiter(Recording recording) {
    this.recording = recording;
  }

  /** Changes the limits; history stays with those that keep kind and period. */
  void limits(List<Limit> changed) {
    limits =
        changed.stream()
            .map(
                limit -> {
                  State state =
                      states.computeIfAbsent(
                          limit.keySuffix(),
                          unused ->
                              limit.kind() == Limit.Kind.SLIDING_WINDOW
                                  ? new Window()
                                  : new Bucket());
                  state.limit = limit;
                  return state;
                })
            .toList();
  }

  void forgetAll() {
    states.clear();
    limits(limits.stream().map(state -> state.limit).toList());
  }

  /** Decides, and records what is granted. */
  Verdict decide(long now, long permits, long maxWait) {
    Verdict verdict = ask(now, permits, maxWait);
    if (verdict.granted()) {
      record(now, verdict.instant(), permits);
    }
    return verdict;
  }

  /** Records a grant, whoever decided it. */
  void record(long now, long instant, long permits) {
    for (State state : limits) {
      state.see(now);
      if (state.ignored) {
        state.drop();
        state.ignored = false;
      }
      long at = Math.max(state.now, instant);
      state.take(at, permits);
      state.seen = state.now;
      state.newest = at;
    }
  }

  Verdict ask(long now, long permits, long maxWait) {
    long instant = now;
    for (State state : limits) {
      state.see(now);
      long fits = state.fits(Math.max(state.now, state.newest()), permits);
      state.fits = fits > state.now ? fits : now;
      instant = Math.max(instant, state.fits);
    }
    long wait = instant - now;
    boolean crowded = wait > 0 && limits.stream().anyMatch(state -> state.crowded(permits));
    boolean granted = wait <= maxWait && !crowded;
    return granted ? granted(now, instant, permits, wait) : refused(now, instant, wait);
  }

  private Verdict granted(long now, long instant, long permits, long wait) {
    State tightest = limits.get(0);
    long full = now;
    for (State state : limits) {
      if (state.leftFrom(instant) < tightest.leftFrom(instant)) {
        tightest = state;
      }
      full = Math.max(full, state.fullAfter(Math.max(state.now, instant), permits));
    }
    long left = tightest.leftFrom(instant) - permits;
    return new Verdict(true, tightest.limit, left, instant, wait, full - now - wait);
  }

  private Verdict refused(long now, long instant, long wait) {
    State tightest = limits.get(0);
    long full = now;
    long remaining = Long.MAX_VALUE;
    for (State state : limits) {
      long left = state.leftNow();
      if (state.fits > tightest.fits
          || (state.fits == tightest.fits && left < tightest.leftNow())) {
        tightest = state;
      }
      remaining = Math.min(remaining, left);
      full = Math.max(full, state.full());
    }
    return new Verdict(false, tightest.limit, remaining, instant, wait, full - now);
  }

  private abstract static class State {
    Limit limit;

    /** The clock as this limit sees it: it stands still while it is behind what was seen. */
    long now;

    long seen;
    long newest;
    long fits;

    /** From too far in the future, it counts as empty, but only a grant throws it away. */
    boolean ignored;

    void see(long clock) {
      ignored = clock < seen - span();
      now = ignored ? clock : Math.max(clock, seen);
    }

    long newest() {
      return ignored ? 0 : newest;
    }

    long leftNow() {
      return newest() > now ? 0 : Math.max(0, left(now));
    }

    long leftFrom(long instant) {
      return left(Math.max(now, instant));
    }

    /** How far the clock may step back before the state is dropped. */
    abstract long span();

    abstract void drop();

    abstract long fits(long from, long permits);

    abstract long left(long at);

    abstract boolean crowded(long permits);

    abstract void take(long instant, long permits);

    abstract long full();

    abstract long fullAfter(long instant, long permits);
  }

  private final class Window extends State {

    private record Grant(long time, long permits) {}

    private final List<Grant> grants = new ArrayList<>();

    private List<Grant> grants() {
      return ignored ? List.of() : grants;
    }

    @Override
    long span() {
      return limit.periodMicros();
    }

    @Override
    void drop() {
      grants.clear();
    }

    /** From the newest back, the first grant that has to leave so that the permits fit. */
    @Override
    long fits(long from, long permits) {
      long sum = permits;
      long span = span();
      for (int i = grants().size() - 1; i >= 0; i--) {
        Grant grant = grants().get(i);
        if (grant.time() + span <= from) {
          return from;
        }
        sum += grant.permits();
        if (sum > limit.permits()) {
          return grant.time() + span;
        }
      }
      return from;
    }

    @Override
    long left(long at) {
      long left = limit.permits();
      long begin = at - span();
      for (int i = grants().size() - 1; i >= 0 && grants().get(i).time() > begin; i--) {
        left -= grants().get(i).permits();
      }
      return left;
    }

    @Override
    boolean crowded(long permits) {
      long grain = grain();
      long instantsAhead =
          grants().stream()
              .mapToLong(Grant::time)
              .filter(time -> time - grain + 1 > now)
              .distinct()
              .count();
      return instantsAhead >= MOST_AHEAD || limit.permits() - left(now) + permits >= MOST_RECORDED;
    }

    @Override
    void take(long instant, long permits) {
      grants.add(new Grant(recorded(instant), permits));
      // Far older than anything that can still matter.
      while (grants.size() > 20_000 && grants.get(0).time() < seen - 2 * span()) {
        grants.remove(0);
      }
    }

    @Override
    long full() {
      return grants().isEmpty() ? 0 : last() + span();
    }

    @Override
    long fullAfter(long instant, long permits) {
      return recorded(instant) + span();
    }

    private long recorded(long instant) {
      long begin =
          recording == Recording.BY_GRAIN ? instant - Math.floorMod(instant, grain()) : instant;
      return Math.max(last(), begin + grain() - 1);
    }

    private long last() {
      return grants().isEmpty() ? 0 : grants.get(grants.size() - 1).time();
    }

    private long grain() {
      return recording == Recording.EXACT ? 1 : limit.grainMicros();
    }
  }

  /** Its level is kept in tokens times the period, so it is a whole number at every microsecond. */
  private static final class Bucket extends State {

    /** At the newest grant; empty if there was none. */
    private Optional<BigInteger> level = Optional.empty();

    @Override
    long span() {
      return limit.fillMicros();
    }

    @Override
    void drop() {
      level = Optional.empty();
    }

    @Override
    long fits(long from, long permits) {
      return reaches(level(from), scaled(permits), from);
    }

    @Override
    long left(long at) {
      return level(at).divide(scaled(1)).longValueExact();
    }

    @Override
    boolean crowded(long permits) {
      return false;
    }

    @Override
    void take(long instant, long permits) {
      level = Optional.of(level(instant).subtract(scaled(permits)));
    }

    @Override
    long full() {
      long from = Math.max(now, newest());
      return reaches(level(from), scaled(limit.permits()), from);
    }

    @Override
    long fullAfter(long instant, long permits) {
      BigInteger after = level(instant).subtract(scaled(permits));
      return reaches(after, scaled(limit.permits()), instant);
    }

    private BigInteger level(long at) {
      BigInteger full = scaled(limit.permits());
      BigInteger gained = BigInteger.valueOf(at - newest).multiply(refill());
      return (ignored ? Optional.<BigInteger>empty() : level)
          .map(before -> before.add(gained).min(full))
          .orElse(full);
    }

    private long reaches(BigInteger level, BigInteger wanted, long from) {
      BigInteger missing = wanted.subtract(level).max(BigInteger.ZERO);
      return from
          + missing.add(refill()).subtract(BigInteger.ONE).divide(refill()).longValueExact();
    }

    private BigInteger scaled(long tokens) {
      return BigInteger.valueOf(tokens).multiply(BigInteger.valueOf(limit.periodMicros()));
    }

    private BigInteger refill() {
      return BigInteger.valueOf(limit.refill());
    }
  }
}
