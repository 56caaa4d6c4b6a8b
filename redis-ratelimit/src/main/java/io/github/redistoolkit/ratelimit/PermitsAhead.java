package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Permits of busy ids that this JVM has taken ahead of their use.
 *
 * <p>Redis counts a permit that is taken ahead from when it is taken until a window after it may be
 * used at the latest, so no window holds more than the limit, whenever it is used. One thread at a
 * time asks for an id; those that come meanwhile share what it gets, its refusal and its failure.
 *
 * <p>Thread-safe. What lies idle is given back by a daemon thread that ends after a second without
 * work.
 */
final class PermitsAhead {

  private static final EventLog LOG = EventLog.shared(RateLimiter.class);
  private static final int MOST_IDS = 10_000;
  private static final long BETWEEN_SWEEPS = Duration.ofMillis(100).toNanos();
  private static final long FORGOTTEN_AFTER = Duration.ofSeconds(10).toNanos();

  private static final ThreadPoolExecutor GIVING_BACK = givingBack();

  private final long most;
  private final long holdNanos;
  private final int number = ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE);

  /** What is shared fairly: what the limit of the lowest rate grants in its period. */
  private final long shared;

  private final long periodNanos;
  private final Redis redis;
  private final Time time;
  private final ConcurrentHashMap<String, Share> shares = new ConcurrentHashMap<>();
  private final AtomicLong nextSweep;

  /** What is asked of Redis. */
  interface Redis {

    /** Decides; thrown if it fails. */
    Booking decide(DecisionScript.Subject subject, Request request);

    /** Gives permits back; thrown if it fails. */
    void giveBack(DecisionScript.Subject subject, Request request);
  }

  /** The time by which permits are held, and what has to be done later. */
  interface Time extends Ticker {

    /** The system's. What is done later is done by a daemon thread. */
    Time SYSTEM =
        new Time() {
          @Override
          public long nanoTime() {
            return System.nanoTime();
          }

          @Override
          public void at(long nanos, Runnable task) {
            var unused = Alarms.shared().at(nanos, () -> GIVING_BACK.execute(task));
          }
        };

    /** Does something that may ask Redis, once {@link #nanoTime} is so late. */
    void at(long nanos, Runnable task);
  }

  PermitsAhead(long most, Duration hold, List<Limit> limits, Redis redis, Time time) {
    this.most = most;
    this.holdNanos = hold.toNanos();
    Limit lowest =
        limits.stream()
            .min(
                Comparator.comparingDouble(
                    limit -> (double) limit.perPeriod() / limit.period().toNanos()))
            .orElseThrow();
    this.shared = lowest.perPeriod();
    this.periodNanos = lowest.period().toNanos();
    this.redis = redis;
    this.time = time;
    this.nextSweep = new AtomicLong(time.nanoTime());
  }

  /** Takes permits from those that are here, or asks Redis for them and for more. */
  Decision take(DecisionScript.Subject subject) {
    Share share = shares.get(subject.key());
    if (share == null) {
      if (shares.size() >= MOST_IDS) {
        forgetIdle();
      }
      if (shares.size() >= MOST_IDS) {
        return redis.decide(subject, Request.take(0)).decision();
      }
      share = shares.computeIfAbsent(subject.key(), unused -> new Share());
    }
    return share.take(subject);
  }

  /** Forgets what was taken ahead for an id, which Redis has forgotten too. */
  void forget(String key) {
    Share share = shares.get(key);
    if (share != null) {
      share.forget();
    }
  }

  /** Asks Redis again, although it refused. */
  void forgetRefusal(String key) {
    Share share = shares.get(key);
    if (share != null) {
      share.forgetRefusal();
    }
  }

  private void forgetIdle() {
    long now = time.nanoTime();
    long next = nextSweep.get();
    if (now - next >= 0 && nextSweep.compareAndSet(next, now + BETWEEN_SWEEPS)) {
      shares.values().removeIf(share -> share.isIdle(now));
    }
  }

  private static ThreadPoolExecutor givingBack() {
    ThreadPoolExecutor one =
        new ThreadPoolExecutor(
            1,
            1,
            1,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
              Thread thread = new Thread(null, task, "redis-toolkit-ratelimit", 0, false);
              thread.setDaemon(true);
              thread.setContextClassLoader(PermitsAhead.class.getClassLoader());
              return thread;
            });
    one.allowCoreThreadTimeOut(true);
    return one;
  }

  /** What is here of one id. */
  private final class Share {

    private final ReentrantLock lock = new ReentrantLock();

    /** Counts questions, so that who waited for one knows that it was asked meanwhile. */
    private final AtomicLong questions = new AtomicLong();

    @GuardedBy("lock")
    private long available;

    /** Until when these may be used. */
    @GuardedBy("lock")
    private long until;

    /** The same instant, by the id's time. */
    @GuardedBy("lock")
    private long untilMicros;

    @GuardedBy("lock")
    private boolean alarmed;

    /** When Redis was asked last, and for how many permits anybody has asked since. */
    @GuardedBy("lock")
    private long asked = time.nanoTime();

    @GuardedBy("lock")
    private long wanted;

    @GuardedBy("lock")
    private boolean known;

    @GuardedBy("lock")
    private @Nullable Decision last;

    @GuardedBy("lock")
    private Denials.@Nullable Denial refusal;

    @GuardedBy("lock")
    private @Nullable JedisException failure;

    @GuardedBy("lock")
    private final RecentSum demand = new RecentSum(periodNanos, time.nanoTime());

    @GuardedBy("lock")
    private final RecentSum taken = new RecentSum(periodNanos, time.nanoTime());

    Decision take(DecisionScript.Subject subject) {
      long before = questions.get();
      lock.lock();
      try {
        long now = time.nanoTime();
        wanted += subject.permits();
        demand.add(subject.permits(), now);
        if (last != null && now - until < 0 && available >= subject.permits()) {
          available -= subject.permits();
          return Decision.fromAhead(last, available);
        }
        Optional<Decision> refused = refused(subject.permits(), now);
        if (refused.isPresent()) {
          return refused.get();
        }
        if (failure != null && questions.get() != before) {
          throw failure;
        }
        return ask(subject, now);
      } finally {
        lock.unlock();
      }
    }

    @GuardedBy("lock")
    private Optional<Decision> refused(long permits, long now) {
      return refusal == null || refusal.permits() != permits ? Optional.empty() : refusal.at(now);
    }

    @GuardedBy("lock")
    private Decision ask(DecisionScript.Subject subject, long now) {
      long back = available;
      long extra = known ? needed(now) : 0;
      available = 0;
      wanted = 0;
      asked = now;
      known = true;
      refusal = null;
      failure = null;
      questions.incrementAndGet();
      taken.add(-back, now);
      Booking booking;
      try {
        booking =
            redis.decide(
                subject, Request.takeAhead(extra, holdNanos / 1000, back, untilMicros, taker(now)));
      } catch (JedisException e) {
        failure = Failures.isPassing(e) ? e : null;
        throw e;
      }
      Decision decision = booking.decision();
      if (decision.allowed()) {
        taken.add(booking.granted(), now);
        available = booking.granted() - subject.permits();
        until = now + holdNanos;
        untilMicros = booking.instantMicros() + holdNanos / 1000;
        last = decision;
        giveBackLater(subject);
      } else {
        refusal = new Denials.Denial(subject.permits(), now, decision);
      }
      return decision;
    }

    /** As many as were asked for lately in the time for which they may be kept. */
    @GuardedBy("lock")
    private long needed(long now) {
      double perNano = (double) wanted / Math.max(1, now - asked);
      return Math.min(most, (long) (perNano * holdNanos));
    }

    @GuardedBy("lock")
    private void giveBackLater(DecisionScript.Subject subject) {
      if (available > 0 && !alarmed) {
        alarmed = true;
        time.at(until, () -> giveBack(subject));
      }
    }

    /**
     * Within the lock, as asking is: overtaken by a question, this would come back only by itself.
     */
    private void giveBack(DecisionScript.Subject subject) {
      lock.lock();
      try {
        alarmed = false;
        long now = time.nanoTime();
        if (now - until < 0) {
          giveBackLater(subject);
        } else if (available > 0) {
          long back = available;
          available = 0;
          taken.add(-back, now);
          giveBack(subject, back, taker(now));
        }
      } finally {
        lock.unlock();
      }
    }

    @GuardedBy("lock")
    private void giveBack(DecisionScript.Subject subject, long back, Request.Taker taker) {
      try {
        redis.giveBack(subject, Request.giveBackAhead(back, holdNanos / 1000, untilMicros, taker));
      } catch (JedisException e) {
        LOG.warn(e, "{} unused permits come back only by themselves", back);
      }
    }

    @GuardedBy("lock")
    private Request.Taker taker(long now) {
      return new Request.Taker(number, taken.at(now), demand.at(now), shared);
    }

    void forget() {
      lock.lock();
      try {
        available = 0;
        taken.clear();
        refusal = null;
      } finally {
        lock.unlock();
      }
    }

    void forgetRefusal() {
      lock.lock();
      try {
        refusal = null;
      } finally {
        lock.unlock();
      }
    }

    boolean isIdle(long now) {
      if (!lock.tryLock()) {
        return false;
      }
      try {
        return available == 0 && !alarmed && now - asked > FORGOTTEN_AFTER;
      } finally {
        lock.unlock();
      }
    }
  }
}
