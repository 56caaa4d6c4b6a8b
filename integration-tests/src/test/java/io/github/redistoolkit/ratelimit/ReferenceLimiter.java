package io.github.redistoolkit.ratelimit;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

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

  /**
   * As the script returns it.
   *
   * @param fits of each limit, the wait until it has the permits
   */
  record Verdict(
      boolean granted, Limit tightest, long remaining, long delay, long reset, List<Long> fits) {}

  private static final int MOST_AHEAD = 4096;
  private static final long MOST_RECORDED = 1L << 32;

  private final Recording recording;
  private final Map<Long, State> states = new HashMap<>();
  private List<State> limits = List.of();

  /** By how much the id's time is ahead of the clock, which was stepped back. */
  private long ahead;

  /** The id's time when it was written last. */
  private long seen;

  /** Whether it has to be written, though nothing was granted. */
  private boolean changed;

  /** The instant of the newest grant, by the id's time. */
  private long newest;

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
                          ScriptLimit.of(limit).id(),
                          unused ->
                              limit instanceof Limit.SlidingWindow ? new Window() : new Bucket());
                  state.limit = limit;
                  return state;
                })
            .toList();
  }

  /** Decides, and records what is granted. */
  Verdict decide(long clock, long permits, long maxWait) {
    Verdict verdict = ask(clock, permits, maxWait);
    if (verdict.granted()) {
      record(clock, verdict.delay(), permits);
    } else {
      refused(clock);
    }
    return verdict;
  }

  /** Records a grant, whoever decided it. */
  void record(long clock, long delay, long permits) {
    long now = see(clock);
    limits.forEach(state -> state.take(now + delay, permits));
    seen = now;
    newest = now + delay;
    changed = false;
  }

  /** Notes that the same question was refused, whoever decided it. */
  void refused(long clock) {
    long now = see(clock);
    if (changed) {
      written(now);
    }
  }

  /** Takes what was not asked for: behind what is booked. */
  void charge(long clock, long permits) {
    long now = see(clock);
    record(clock, Math.max(0, newest - now), permits);
  }

  void refund(long clock, long permits) {
    long now = see(clock);
    if (limits.stream().anyMatch(state -> state.holdsAny(now))) {
      limits.forEach(state -> state.giveBack(now, permits));
      written(now);
    }
  }

  /** Takes out what was booked so long before or after now. */
  void cancel(long clock, long permits, long delay) {
    long now = see(clock);
    long booked = now + delay;
    long free = now;
    for (State state : limits) {
      if (state instanceof Window window) {
        free = Math.max(free, window.cancel(now, booked, permits));
      }
    }
    if (booked >= newest) {
      newest = Math.min(newest, free);
    }
    for (State state : limits) {
      if (state instanceof Bucket bucket) {
        bucket.cancel(Math.max(now, newest), permits);
      }
    }
    written(now);
  }

  /** Forgets everything. */
  void reset() {
    states.values().forEach(State::forget);
    ahead = 0;
    seen = 0;
    newest = 0;
    changed = false;
  }

  Verdict ask(long clock, long permits, long maxWait) {
    long now = see(clock);
    long from = Math.max(now, newest);
    List<Long> fits = new ArrayList<>();
    for (State state : limits) {
      state.resize(now);
      fits.add(state.fits(from, permits) - now);
    }
    long wait = fits.stream().mapToLong(Long::longValue).max().orElseThrow();
    boolean crowded = wait > 0 && limits.stream().anyMatch(state -> state.crowded(now, permits));
    boolean granted = wait <= maxWait && !crowded;
    return granted ? granted(now, permits, wait) : refused(now, wait, fits);
  }

  private Verdict granted(long now, long permits, long wait) {
    long instant = now + wait;
    State tightest = limits.get(0);
    long full = 0;
    for (State state : limits) {
      if (state.left(instant) < tightest.left(instant)) {
        tightest = state;
      }
      full = Math.max(full, state.fullAfter(instant, permits));
    }
    return new Verdict(
        true,
        tightest.limit,
        tightest.left(instant) - permits,
        wait,
        Math.max(0, full - instant),
        limits.stream().map(unused -> 0L).toList());
  }

  private Verdict refused(long now, long wait, List<Long> fits) {
    int tightest = 0;
    long full = 0;
    long remaining = Long.MAX_VALUE;
    for (int i = 0; i < limits.size(); i++) {
      long left = leftNow(limits.get(i), now);
      if (fits.get(i) > fits.get(tightest)
          || (fits.get(i).equals(fits.get(tightest))
              && left < leftNow(limits.get(tightest), now))) {
        tightest = i;
      }
      remaining = Math.min(remaining, left);
      full = Math.max(full, limits.get(i).full(now));
    }
    return new Verdict(
        false, limits.get(tightest).limit, remaining, wait, Math.max(0, full - now), fits);
  }

  private long leftNow(State state, long now) {
    return newest > now ? 0 : Math.max(0, state.left(now));
  }

  /** The id's time, which never goes back. */
  private long see(long clock) {
    if (clock + ahead < seen && states.values().stream().anyMatch(State::hasHistory)) {
      ahead = seen - clock;
      changed = true;
    }
    return clock + ahead;
  }

  /** After a write that is no grant, of which nothing may be left. */
  private void written(long now) {
    seen = now;
    changed = false;
    if (newest <= now && limits.stream().allMatch(state -> state.full(now) <= now)) {
      states.values().forEach(State::forget);
      ahead = 0;
      newest = 0;
    }
  }

  private abstract static class State {
    Limit limit;

    abstract boolean hasHistory();

    abstract void forget();

    /** Goes on with the size that the limit has now. */
    abstract void resize(long now);

    abstract long fits(long from, long permits);

    abstract long left(long at);

    abstract boolean crowded(long now, long permits);

    abstract void take(long instant, long permits);

    abstract boolean holdsAny(long now);

    abstract void giveBack(long now, long permits);

    abstract long full(long now);

    abstract long fullAfter(long instant, long permits);
  }

  private final class Window extends State {

    private record Grant(long time, long permits) {}

    private final List<Grant> grants = new ArrayList<>();

    private long span() {
      return LimitRules.micros(limit.period());
    }

    @Override
    boolean hasHistory() {
      return !grants.isEmpty();
    }

    @Override
    void forget() {
      grants.clear();
    }

    @Override
    void resize(long now) {}

    /** From the newest back, the first grant that has to leave so that the permits fit. */
    @Override
    long fits(long from, long permits) {
      long sum = permits;
      for (int i = grants.size() - 1; i >= 0; i--) {
        Grant grant = grants.get(i);
        if (grant.time() + span() <= from) {
          return from;
        }
        sum += grant.permits();
        if (sum > limit.permits()) {
          return grant.time() + span();
        }
      }
      return from;
    }

    @Override
    long left(long at) {
      long left = limit.permits();
      long begin = at - span();
      for (int i = grants.size() - 1; i >= 0 && grants.get(i).time() > begin; i--) {
        left -= grants.get(i).permits();
      }
      return left;
    }

    @Override
    boolean crowded(long now, long permits) {
      long grain = grain();
      long instantsAhead =
          grants.stream()
              .mapToLong(Grant::time)
              .filter(time -> time - grain + 1 > now)
              .distinct()
              .count();
      return instantsAhead >= MOST_AHEAD || limit.permits() - left(now) + permits >= MOST_RECORDED;
    }

    @Override
    void take(long instant, long permits) {
      // What is past starts nothing late.
      grants.removeIf(grant -> grant.time() < seen - 2 * span());
      if (last() <= now(instant) - span()) {
        grants.clear();
      }
      grants.add(new Grant(recorded(instant), permits));
    }

    private long now(long instant) {
      return Math.min(instant, Math.max(seen, 0));
    }

    @Override
    boolean holdsAny(long now) {
      return left(now) < limit.permits();
    }

    @Override
    void giveBack(long now, long permits) {
      grants.removeIf(grant -> grant.time() <= now - span());
      long left = permits;
      while (left > 0 && !grants.isEmpty()) {
        Grant oldest = grants.remove(0);
        if (oldest.permits() > left) {
          grants.add(0, new Grant(oldest.time(), oldest.permits() - left));
        }
        left -= oldest.permits();
      }
    }

    /** Returns the time of the last grant that is left. */
    long cancel(long now, long booked, long permits) {
      grants.removeIf(grant -> grant.time() <= now - span());
      long left = permits;
      for (int i = 0; i < grants.size() && left > 0; i++) {
        Grant grant = grants.get(i);
        if (grant.time() >= booked) {
          long cut = Math.min(left, grant.permits());
          grants.set(i, new Grant(grant.time(), grant.permits() - cut));
          left -= cut;
        }
      }
      grants.removeIf(grant -> grant.permits() == 0);
      return last();
    }

    @Override
    long full(long now) {
      return holdsAny(now) ? last() + span() : now;
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
      return grants.isEmpty() ? 0 : grants.get(grants.size() - 1).time();
    }

    private long grain() {
      return recording == Recording.EXACT ? 1 : ((Limit.SlidingWindow) limit).grainMicros();
    }
  }

  /** Its level is kept in tokens times the period, so it is a whole number at every microsecond. */
  private final class Bucket extends State {

    private boolean used;
    private long time;
    private BigInteger level = BigInteger.ZERO;
    private long capacity;
    private long refill;

    @Override
    boolean hasHistory() {
      return used;
    }

    @Override
    void forget() {
      used = false;
    }

    /** What it had then, filled as it was until now, and from now on as it is. */
    @Override
    void resize(long now) {
      if (used && (capacity != limit.permits() || refill != limit.perPeriod())) {
        set(Math.max(now, newest), level(Math.max(now, newest)).min(scaled(limit.permits())));
        changed = true;
      }
    }

    private void set(long at, BigInteger to) {
      used = true;
      time = at;
      level = to;
      capacity = limit.permits();
      refill = limit.perPeriod();
    }

    @Override
    long fits(long from, long permits) {
      return reaches(level(from), scaled(permits), from);
    }

    @Override
    long left(long at) {
      BigInteger[] tokens = level(at).divideAndRemainder(scaled(1));
      return tokens[1].signum() < 0 ? tokens[0].longValueExact() - 1 : tokens[0].longValueExact();
    }

    @Override
    boolean crowded(long now, long permits) {
      return false;
    }

    @Override
    void take(long instant, long permits) {
      set(instant, level(instant).subtract(scaled(permits)));
    }

    @Override
    boolean holdsAny(long now) {
      return level(Math.max(now, newest)).compareTo(scaled(limit.permits())) < 0;
    }

    @Override
    void giveBack(long now, long permits) {
      long at = Math.max(now, newest);
      set(at, level(at).add(scaled(permits)).min(scaled(limit.permits())));
    }

    /** As if it had not been taken; before it had refilled since then, if others are behind. */
    void cancel(long at, long permits) {
      if (!used) {
        return;
      }
      BigInteger without = level(Math.max(at, time)).add(scaled(permits));
      long early = Math.max(0, time - at);
      set(
          at,
          without
              .subtract(BigInteger.valueOf(early).multiply(BigInteger.valueOf(refill)))
              .min(scaled(limit.permits())));
    }

    @Override
    long full(long now) {
      long from = Math.max(now, newest);
      return holdsAny(now) ? reaches(level(from), scaled(limit.permits()), from) : now;
    }

    @Override
    long fullAfter(long instant, long permits) {
      BigInteger after = level(instant).subtract(scaled(permits));
      return reaches(after, scaled(limit.permits()), instant);
    }

    private BigInteger level(long at) {
      if (!used) {
        return scaled(limit.permits());
      }
      BigInteger gained =
          BigInteger.valueOf(Math.max(0, at - time)).multiply(BigInteger.valueOf(refill));
      return level.add(gained).min(scaled(capacity));
    }

    private long reaches(BigInteger from, BigInteger wanted, long instant) {
      BigInteger missing = wanted.subtract(from).max(BigInteger.ZERO);
      BigInteger rate = BigInteger.valueOf(limit.perPeriod());
      return instant + missing.add(rate).subtract(BigInteger.ONE).divide(rate).longValueExact();
    }

    private BigInteger scaled(long tokens) {
      return BigInteger.valueOf(tokens)
          .multiply(BigInteger.valueOf(LimitRules.micros(limit.period())));
    }
  }
}
