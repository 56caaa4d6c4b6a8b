package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisKeys;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * Grants permits to ids, such as users or API keys, under one limit or several at once, shared by
 * all JVMs that use the same Redis, {@linkplain Builder#prefix prefix} and name.
 *
 * <pre>{@code
 * RateLimiter limiter = new RateLimiter(pool, "api", 100, Duration.ofMinutes(1));
 * if (!limiter.isAllowed(userId)) {
 *   // refuse: the user had 100 requests in the last minute
 * }
 * }</pre>
 *
 * <p><b>Guarantee.</b> No span of a sliding window's length holds more granted permits than the
 * window has, wherever it starts and however many callers there are. Several limits are decided in
 * one atomic step: all of them are charged, or none. A refusal and a {@link #peek} take nothing.
 * Time is the Redis server's; clients' clocks play no part.
 *
 * <p><b>Limits of the guarantee.</b> It holds as long as Redis keeps the data. After an eviction or
 * a {@code FLUSHALL}, an id starts afresh; after a failover, it has what the replica had. If the
 * server's clock is stepped back, an id goes on from the latest instant that it has seen. Then
 * nothing more is granted, and a permit comes back late by at most the time between the last grant
 * and the step. If the clock is stepped forward, the skipped time counts as passed, so up to one
 * more limit is granted.
 *
 * <p>What was granted stays taken, whatever the caller does with it, unless {@link #refund} gives
 * it back. A {@link #charge} is made whatever the limits say.
 *
 * <p><b>Limits belong to the caller.</b> Redis holds no configuration. If a limiter has other
 * permits, or a bucket another capacity or refill, it goes on with the same history from its next
 * call. Until then a bucket fills as before. A limit with another window starts afresh.
 *
 * <p><b>Cost.</b> A decision is one round trip; the first one on a server is two. No thread is
 * needed, unless it {@linkplain Builder#permitsAhead takes permits ahead}. Each id has one key,
 * <code>&lt;prefix&gt;&lt;name&gt;:&#123;&lt;id&gt;&#125;</code>. It takes some 60 bytes, 10 for
 * each grant in a window, up to 12 KB for each window, and 34 bytes for each bucket; bookings ahead
 * take 10 bytes each. The key has a TTL, set in the same step as the write: it is gone a window
 * after the last grant. If the id is used again and again, it may live half a window longer.
 *
 * <p><b>Failure.</b> If Redis cannot decide, {@link OnUnavailable} does. By default Jedis's
 * exception is thrown, and then it is unknown whether the permits were charged. This class sends
 * nothing again, but a {@code RedisClusterClient} may do so when a reply was lost. Such a call is
 * answered as the first time and charged once. If others were granted permits of the same id
 * meanwhile, it may be charged twice, but more is never admitted.
 *
 * <p>Give every pool a finite {@code maxWait}, or a caller may wait for a connection for ever. If
 * the caller is interrupted in that wait, Jedis's exception is thrown under every policy.
 *
 * <p><b>Foreign keys.</b> A string that somebody else has written counts as no state, so the id
 * starts afresh. Whatever it looks like, it cannot make an id wait longer than a day and two
 * windows. If the key has another type, every call throws {@code WRONGTYPE} under every policy,
 * until {@link #reset}.
 *
 * <p>Thread-safe. A limiter may be kept or made for each call; but keep one that {@linkplain
 * Builder#denyCache remembers refusals} or {@linkplain Builder#permitsAhead takes permits ahead}.
 */
public final class RateLimiter {

  static {
    ModuleVersion.check();
  }

  private static final EventLog LOG = EventLog.shared(RateLimiter.class);
  private static final long MOST_PERMITS = 1_000_000_000;
  private static final int MOST_DEMANDS = 16;

  private final RedisAccess redis;
  private final LongAdder degraded = new LongAdder();
  private final String name;
  private final String keyStart;
  private final String keyEnd;
  private final List<Limit> limits;
  private final Limit smallest;
  private final OnUnavailable onUnavailable;
  private final Supplier<String> clock;
  private final Supplier<String> calls;
  private final boolean plainly;
  private final Ticker ticker;
  private final @Nullable RateLimiterListener listener;
  private final @Nullable Denials denials;
  private final @Nullable PermitsAhead ahead;

  /**
   * Creates a limiter of one sliding window that throws if Redis is unavailable.
   *
   * @param pool where connections come from; never closed here
   * @param name what is limited; limiters with the same name share their permits. Letters, digits,
   *     {@code _}, {@code .} and {@code -}
   * @param permits the most permits in any span of the window, from 1 to 10⁹
   * @param window from 1 ms to 366 days, in whole microseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} has another character or none, or {@code
   *     permits} or {@code window} is out of its bounds
   */
  public RateLimiter(Pool<Jedis> pool, String name, long permits, Duration window) {
    this(builder(pool, name).limit(Limit.of(permits, window)));
  }

  /**
   * Creates a limiter of one sliding window that throws if Redis is unavailable.
   *
   * @param client what reaches Redis; never closed here
   * @param name what is limited; limiters with the same name share their permits. Letters, digits,
   *     {@code _}, {@code .} and {@code -}
   * @param permits the most permits in any span of the window, from 1 to 10⁹
   * @param window from 1 ms to 366 days, in whole microseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} has another character or none, or {@code
   *     permits} or {@code window} is out of its bounds
   */
  public RateLimiter(UnifiedJedis client, String name, long permits, Duration window) {
    this(builder(client, name).limit(Limit.of(permits, window)));
  }

  private RateLimiter(Builder builder) {
    this.redis = builder.redis;
    this.name = builder.name;
    String start = builder.prefix + builder.name + ":";
    this.keyStart = builder.tag.isEmpty() ? start : start + RedisKeys.hashTag(builder.tag, "tag");
    this.keyEnd = builder.tag.isEmpty() ? "" : ":";
    this.limits = List.copyOf(builder.limits);
    this.smallest = limits.stream().min(Comparator.comparingLong(Limit::permits)).orElseThrow();
    this.onUnavailable = builder.onUnavailable;
    this.clock = builder.clock;
    this.calls = builder.calls;
    this.plainly = builder.plainly;
    this.ticker = builder.time;
    this.listener = builder.listener;
    this.denials = builder.mostDenials == 0 ? null : new Denials(builder.mostDenials, ticker);
    this.ahead =
        builder.mostAhead == 0
            ? null
            : new PermitsAhead(
                builder.mostAhead, builder.hold, limits, new AskedAhead(), builder.time);
  }

  /**
   * Starts a limiter on a pool.
   *
   * @param pool where connections come from; never closed here
   * @param name what is limited; limiters with the same name share the permits of an id, under
   *     limits of the same kind and period. Letters, digits, {@code _}, {@code .} and {@code -}
   * @return a builder without limits
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} has another character or none
   */
  public static Builder builder(Pool<Jedis> pool, String name) {
    return new Builder(RedisAccess.of(pool, "redis-ratelimit"), name);
  }

  /**
   * Starts a limiter on a client.
   *
   * @param client what reaches Redis; never closed here
   * @param name what is limited; limiters with the same name share the permits of an id, under
   *     limits of the same kind and period. Letters, digits, {@code _}, {@code .} and {@code -}
   * @return a builder without limits
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} has another character or none
   */
  public static Builder builder(UnifiedJedis client, String name) {
    return new Builder(RedisAccess.of(client, "redis-ratelimit"), name);
  }

  /**
   * Returns how often this limiter's {@linkplain Builder#onUnavailable policy} has decided since
   * Redis could not: a figure to watch, as {@link OnUnavailable#ALLOW} lets everybody pass then.
   *
   * @return the number of decisions; 0 under {@link OnUnavailable#THROW}
   */
  public long degradedDecisions() {
    return degraded.sum();
  }

  /**
   * Returns the limits of this limiter, in the order in which they were set.
   *
   * @return from 1 to 8
   */
  public List<Limit> limits() {
    return limits;
  }

  /**
   * Takes one permit if every limit allows it now. One round trip.
   *
   * @param id whose permit; any text
   * @return whether it was granted
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it
   */
  public boolean isAllowed(String id) {
    return tryAcquire(id).allowed();
  }

  /**
   * Takes one permit if every limit allows it now. One round trip.
   *
   * @param id whose permit; any text
   * @return the decision; not allowed means that nothing was taken
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it
   */
  public Decision tryAcquire(String id) {
    return tryAcquire(id, 1);
  }

  /**
   * Takes so many permits if every limit allows all of them now. One round trip; none if a limit
   * has fewer permits, which is refused for ever.
   *
   * <p>Permits that others have booked are ahead: until the last of them is due, this refuses.
   *
   * @param id whose permits; any text
   * @param permits at least 1
   * @return the decision; not allowed means that nothing was taken
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate, or {@code
   *     permits} is not positive
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it
   */
  public Decision tryAcquire(String id, long permits) {
    return told(decideNow(subject(id, permits)));
  }

  /**
   * Takes so many permits at the first instant at which every limit allows all of them, and waits
   * for that instant; refuses at once if it is further away than {@code maxWait}.
   *
   * <p>The instant is booked in one round trip, before the wait, so callers in all JVMs are served
   * in the order in which they asked, and nobody asks twice. Also refused is what a sliding window
   * cannot book: more than 4,096 instants or some 3 × 10⁹ permits ahead.
   *
   * <p>If the wait is interrupted, the booking is cancelled, in one more round trip, so that nobody
   * waits for it; should that fail, it stays, and the failure is with the exception. Callers who
   * had booked behind it keep their instants. When Redis is unavailable, this does not wait.
   *
   * @param id whose permits; any text
   * @param permits at least 1
   * @param maxWait the longest wait, from zero to 1 day; below a microsecond counts as zero
   * @return the decision, of the instant of the grant; not allowed means that nothing was taken
   * @throws NullPointerException if {@code id} or {@code maxWait} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate, {@code
   *     permits} is not positive, or {@code maxWait} is out of its bounds
   * @throws InterruptedException if the thread is interrupted before or while it waits
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it
   */
  public Decision tryAcquire(String id, long permits, Duration maxWait)
      throws InterruptedException {
    return told(bookAndWait(id, permits, maxWait).decision());
  }

  /**
   * Takes permits for several ids, each under the limits of its own limiter: for all of them if
   * every limit allows it now, or for none. One round trip.
   *
   * <p>This is one step of one server. In a Cluster the ids must share a {@linkplain Builder#tag
   * tag}, and while their slot is being migrated, this may be {@code TRYAGAIN}, which {@link
   * OnUnavailable} covers.
   *
   * @param first a demand; its limiter's policy and listener apply
   * @param more others, up to 16 in all, each of another id or limiter, all on the same pool or
   *     client
   * @return the decision over all limits, which are listed in the order of the demands
   * @throws NullPointerException if one is null
   * @throws IllegalArgumentException if there are more than 16, two are of the same id and name,
   *     two limiters are on different pools or clients, or the keys are in different slots of a
   *     Cluster
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it
   */
  public static Decision tryAcquireAll(Demand first, Demand... more) {
    Objects.requireNonNull(first, "first");
    Objects.requireNonNull(more, "more");
    List<Demand> all =
        Stream.concat(Stream.of(first), Stream.of(more))
            .map(demand -> Objects.requireNonNull(demand, "demand"))
            .toList();
    Arguments.requireRange(all.size(), "number of demands", 1, MOST_DEMANDS);
    return first.limiter().told(first.limiter().decideAll(all));
  }

  /**
   * Returns a demand of one permit, for {@link #tryAcquireAll}.
   *
   * @param id whose permit; any text
   * @return a demand on this limiter
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate
   */
  public Demand demand(String id) {
    return demand(id, 1);
  }

  /**
   * Returns a demand of permits, for {@link #tryAcquireAll}.
   *
   * @param id whose permits; any text
   * @param permits at least 1
   * @return a demand on this limiter
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate, or {@code
   *     permits} is not positive
   */
  public Demand demand(String id, long permits) {
    return new Demand(this, id, permits);
  }

  /**
   * Tells what {@link #tryAcquire(String)} would say now, and takes nothing. One round trip.
   *
   * @param id whose permits; any text
   * @return the decision for one permit, as if it had not been taken
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it
   */
  public Decision peek(String id) {
    return peek(id, 1);
  }

  /**
   * Tells what {@link #tryAcquire(String, long)} would say now, and takes nothing. One round trip.
   *
   * @param id whose permits; any text
   * @param permits at least 1
   * @return the decision for so many permits, as if they had not been taken
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate, or {@code
   *     permits} is not positive
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it
   */
  public Decision peek(String id, long permits) {
    return decide(subject(id, permits), Request.ask()).decision();
  }

  /**
   * Takes so many permits now, whatever the limits say, as for what is known only after the fact:
   * tokens of a model, bytes of a response. One round trip.
   *
   * <p>What exceeds a limit is a debt. A sliding window holds it like any other permits, until a
   * window later; a bucket has to refill it first, for 366 days at most. Until then nothing is
   * granted. Behind bookings, it counts from the last of them.
   *
   * @param id whose permits; any text
   * @param permits from 1 to 10⁹; a limit may have fewer
   * @return a decision that is allowed, with what remains
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate, or {@code
   *     permits} is out of its bounds
   * @throws JedisException if Redis fails and {@link OnUnavailable} does not cover it; it is then
   *     unknown whether they were charged
   */
  public Decision charge(String id, long permits) {
    Arguments.requireRange(permits, "permits", 1, MOST_PERMITS);
    return told(ask(List.of(subject(id, permits)), Request.charge()).decision());
  }

  /**
   * Gives back permits that were granted and not used. One round trip.
   *
   * <p>They are free at once. In a sliding window those that were granted first are given back, so
   * that those that were used count no shorter than they should. A refund must come before they
   * leave the window by themselves, and before the id is {@linkplain #reset reset} or lost by
   * Redis: a later one frees permits that were granted since, as it does not say which it gives
   * back. Sent again by a {@code RedisClusterClient}, after others were granted permits of the same
   * id, it may free as many of those. A bucket is filled up to its capacity at most.
   *
   * @param id whose permits; any text
   * @param permits from 1 to 10⁹; giving back more than were granted frees permits that were used
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate, or {@code
   *     permits} is out of its bounds
   * @throws JedisException if Redis fails, under every policy; it is then unknown whether they were
   *     given back
   */
  public void refund(String id, long permits) {
    Arguments.requireRange(permits, "permits", 1, MOST_PERMITS);
    DecisionScript.Subject subject = subject(id, 1);
    try {
      Booking unused = run(List.of(subject), Request.giveBack(permits));
    } finally {
      // Also if it is unknown whether they were given back.
      forgetRefusal(subject.key());
    }
  }

  /**
   * Forgets what the id was granted, and booked, under this limiter's name: it starts afresh. One
   * round trip. What others have taken ahead or booked before is neither given back nor taken out
   * afterwards.
   *
   * @param id any text
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate
   * @throws JedisException if Redis fails, under every policy
   */
  public void reset(String id) {
    String key = key(id);
    try {
      long unused = redis.execute(redis.commands().del(key));
    } finally {
      if (ahead != null) {
        ahead.forget(key);
      }
      forgetRefusal(key);
    }
  }

  /** Acquires, as {@link #tryAcquire(String, long, Duration)}, and tells the instant too. */
  Booking bookAndWait(String id, long permits, Duration maxWait) throws InterruptedException {
    Objects.requireNonNull(maxWait, "maxWait");
    if (maxWait.isNegative() || maxWait.compareTo(Arguments.LONGEST_WAIT) > 0) {
      throw new IllegalArgumentException(
          "maxWait must be from 0 to " + Arguments.LONGEST_WAIT + ", but is " + maxWait);
    }
    DecisionScript.Subject subject = subject(id, permits);
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    Booking booking = decideInterruptibly(subject, Request.take(maxWait.toNanos() / 1000));
    if (booking.decision().allowed()) {
      waitFor(booking, subject);
    }
    return booking;
  }

  /** Decides, as {@link #bookAndWait}, but leaves the waiting to the caller. */
  Booking book(String id, long permits, long maxWaitMicros) {
    return decide(subject(id, permits), Request.book(maxWaitMicros));
  }

  /** Takes back what {@link #book} has booked. */
  void cancel(String id, long permits, Booking booking) {
    cancel(subject(id, permits), booking);
  }

  private void cancel(DecisionScript.Subject subject, Booking booking) {
    Booking unused = run(List.of(subject), Request.cancel(booking));
  }

  /** Decides without a wait, here if that is possible. */
  private Decision decideNow(DecisionScript.Subject subject) {
    if (subject.permits() > smallest.permits()) {
      return Decision.never(smallest);
    }
    if (ahead != null) {
      try {
        return ahead.take(subject);
      } catch (JedisException e) {
        return withoutRedis(e);
      }
    }
    return denials == null
        ? ask(List.of(subject), Request.take(0)).decision()
        : decideOrRemember(denials, subject);
  }

  private Decision decideOrRemember(Denials denials, DecisionScript.Subject subject) {
    Optional<Decision> denied = denials.denied(subject.key(), subject.permits());
    if (denied.isPresent()) {
      return denied.get();
    }
    Denials.Question question = denials.ask();
    Decision decision = ask(List.of(subject), Request.take(0)).decision();
    denials.remember(question, subject.key(), subject.permits(), decision);
    return decision;
  }

  private void forgetRefusal(String key) {
    if (denials != null) {
      denials.forget(key);
    }
    if (ahead != null) {
      ahead.forgetRefusal(key);
    }
  }

  private final class AskedAhead implements PermitsAhead.Redis {

    @Override
    public Booking decide(DecisionScript.Subject subject, Request request) {
      return run(List.of(subject), request);
    }

    @Override
    public void giveBack(DecisionScript.Subject subject, Request request) {
      Booking unused = run(List.of(subject), request);
    }
  }

  @CanIgnoreReturnValue
  private Decision told(Decision decision) {
    if (listener != null) {
      try {
        listener.onDecision(name, decision);
      } catch (RuntimeException e) {
        LOG.warn(e, "The listener of limiter {} failed", name);
      }
    }
    return decision;
  }

  private Booking decide(DecisionScript.Subject subject, Request request) {
    if (subject.permits() > smallest.permits()) {
      return Booking.without(Decision.never(smallest));
    }
    return ask(List.of(subject), request);
  }

  private Decision decideAll(List<Demand> demands) {
    List<DecisionScript.Subject> subjects = new ArrayList<>(demands.size());
    Set<String> keys = new HashSet<>();
    for (Demand demand : demands) {
      RateLimiter limiter = demand.limiter();
      if (limiter.redis.owner() != redis.owner()) {
        throw new IllegalArgumentException(
            "limiters of one decision must be on the same pool or client, but %s and %s are not"
                .formatted(name, limiter.name));
      }
      DecisionScript.Subject subject = limiter.subject(demand.id(), demand.permits());
      if (!keys.add(subject.key())) {
        throw new IllegalArgumentException(
            "demands must differ in id or name, but a second is of " + limiter.name);
      }
      if (demand.permits() > limiter.smallest.permits()) {
        return Decision.never(limiter.smallest);
      }
      subjects.add(subject);
    }
    Slots.requireOne(redis, keys);
    return ask(subjects, Request.take(0)).decision();
  }

  /** Asks Redis, or the policy if it cannot decide. */
  private Booking ask(List<DecisionScript.Subject> subjects, Request request) {
    try {
      return run(subjects, request);
    } catch (JedisException e) {
      return Booking.without(withoutRedis(e));
    }
  }

  private Decision withoutRedis(JedisException e) {
    if (onUnavailable == OnUnavailable.THROW || !Failures.isPassing(e)) {
      throw e;
    }
    degraded.increment();
    LOG.warn(e, "Redis cannot decide: {} of limiter {} does", onUnavailable, name);
    return Decision.degraded(onUnavailable == OnUnavailable.ALLOW, limits.get(0), e);
  }

  private Booking run(List<DecisionScript.Subject> subjects, Request request) {
    try {
      return plainly && DecisionScript.isPlain(request, subjects)
          ? DecisionScript.runPlainly(redis, clock.get(), calls.get(), request, subjects.get(0))
          : DecisionScript.run(redis, clock.get(), calls.get(), request, subjects);
    } catch (JedisException e) {
      if (Failures.isInterrupt(e)) {
        // Jedis takes the flag of a thread that is interrupted while it waits for a connection.
        Thread.currentThread().interrupt();
      }
      throw e;
    }
  }

  private Booking decideInterruptibly(DecisionScript.Subject subject, Request request)
      throws InterruptedException {
    try {
      return decide(subject, request);
    } catch (JedisException e) {
      if (Failures.isInterrupt(e) && Thread.interrupted()) {
        InterruptedException interrupt = new InterruptedException("while waiting for a connection");
        interrupt.initCause(e);
        throw interrupt;
      }
      throw e;
    }
  }

  private void waitFor(Booking booking, DecisionScript.Subject subject)
      throws InterruptedException {
    try {
      sleep(booking.waitMicros());
    } catch (InterruptedException e) {
      try {
        cancel(subject, booking);
      } catch (JedisException failure) {
        e.addSuppressed(failure);
      }
      throw e;
    }
  }

  /** Sleeps no shorter than this: Java's sleep may round to milliseconds. */
  private void sleep(long micros) throws InterruptedException {
    long deadline = ticker.nanoTime() + TimeUnit.MICROSECONDS.toNanos(micros);
    long left = deadline - ticker.nanoTime();
    while (left > 0) {
      TimeUnit.NANOSECONDS.sleep(left);
      left = deadline - ticker.nanoTime();
    }
  }

  private DecisionScript.Subject subject(String id, long permits) {
    requirePermits(permits);
    return new DecisionScript.Subject(key(id), permits, limits);
  }

  private String key(String id) {
    return keyStart + keyEnd + RedisKeys.hashTag(id, "id");
  }

  private static void requirePermits(long permits) {
    Arguments.requireRange(permits, "permits", 1, Long.MAX_VALUE);
  }

  /**
   * Permits that are wanted for an id, as a part of {@link #tryAcquireAll}.
   *
   * @param limiter under whose limits
   * @param id whose permits; any text
   * @param permits at least 1
   */
  public record Demand(RateLimiter limiter, String id, long permits) {

    /**
     * Creates a demand; {@link RateLimiter#demand(String, long)} reads better.
     *
     * @param limiter under whose limits
     * @param id whose permits; any text
     * @param permits at least 1
     * @throws NullPointerException if {@code limiter} or {@code id} is null
     * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate, or
     *     {@code permits} is not positive
     */
    public Demand {
      Objects.requireNonNull(limiter, "limiter");
      Arguments.requireText(id, "id");
      requirePermits(permits);
    }
  }

  /** Sets up a {@link RateLimiter}. Not thread-safe. */
  public static final class Builder {

    private static final int MOST_LIMITS = 8;
    private static final Duration LONGEST_HOLD = Duration.ofSeconds(1);

    private final RedisAccess redis;
    private final String name;
    private final List<Limit> limits = new ArrayList<>();
    private String prefix = "rl:";
    private String tag = "";
    private OnUnavailable onUnavailable = OnUnavailable.THROW;
    private Supplier<String> clock = () -> "";
    private Supplier<String> calls = CallNames::next;
    private boolean plainly = true;
    private PermitsAhead.Time time = PermitsAhead.Time.SYSTEM;
    private @Nullable RateLimiterListener listener;
    private int mostDenials;
    private long mostAhead;
    private Duration hold = Duration.ZERO;

    private Builder(RedisAccess redis, String name) {
      this.redis = redis;
      this.name = LimitRules.requireName(name, "name");
    }

    /**
     * Adds limits, all of which must allow a permit.
     *
     * @param first a limit
     * @param more others, up to 8 in all, each with a kind or a period of its own
     * @return this builder
     * @throws NullPointerException if one is null
     * @throws IllegalArgumentException if there are more than 8, those added before included, or
     *     two of one kind with the same period, of which the larger would have no effect
     */
    @CanIgnoreReturnValue
    public Builder limit(Limit first, Limit... more) {
      Objects.requireNonNull(first, "first");
      Objects.requireNonNull(more, "more");
      List<Limit> all =
          Stream.of(limits.stream(), Stream.of(first), Stream.of(more))
              .flatMap(stream -> stream)
              .map(limit -> Objects.requireNonNull(limit, "limit"))
              .toList();
      Arguments.requireRange(all.size(), "number of limits", 1, MOST_LIMITS);
      Set<Long> states = new HashSet<>();
      for (Limit limit : all) {
        if (!states.add(ScriptLimit.of(limit).id())) {
          throw new IllegalArgumentException(
              "two limits of one limiter must differ in kind or period, but a second has "
                  + limit.period());
        }
      }
      limits.clear();
      limits.addAll(all);
      return this;
    }

    /**
     * Sets what all keys begin with, before the name.
     *
     * @param prefix any text that ends with a colon, without braces, which would choose the slot in
     *     a Cluster; {@code rl:} unless set
     * @return this builder
     * @throws NullPointerException if {@code prefix} is null
     * @throws IllegalArgumentException if {@code prefix} is empty, has a brace or an unpaired
     *     surrogate, or does not end with a colon
     */
    @CanIgnoreReturnValue
    public Builder prefix(String prefix) {
      this.prefix = RedisKeys.requirePrefix(prefix);
      return this;
    }

    /**
     * Puts all ids of this limiter, and of others with the same tag, into one slot of a Cluster, so
     * that {@link RateLimiter#tryAcquireAll} can decide about them in one step. One server has all
     * the work of a tag then, so choose many, such as one for each tenant. Without a tag, each id
     * has a slot of its own.
     *
     * <p>An id under a tag has other permits than under another one.
     *
     * @param tag any text
     * @return this builder
     * @throws NullPointerException if {@code tag} is null
     * @throws IllegalArgumentException if {@code tag} is empty or has an unpaired surrogate
     */
    @CanIgnoreReturnValue
    public Builder tag(String tag) {
      this.tag = Arguments.requireText(tag, "tag");
      return this;
    }

    /**
     * Sets what happens when Redis cannot decide.
     *
     * @param policy {@link OnUnavailable#THROW} unless set
     * @return this builder
     * @throws NullPointerException if {@code policy} is null
     */
    @CanIgnoreReturnValue
    public Builder onUnavailable(OnUnavailable policy) {
      this.onUnavailable = Objects.requireNonNull(policy, "policy");
      return this;
    }

    /**
     * Sets who is told of each decision.
     *
     * @param listener called on the thread that asks
     * @return this builder
     * @throws NullPointerException if {@code listener} is null
     */
    @CanIgnoreReturnValue
    public Builder listener(RateLimiterListener listener) {
      this.listener = Objects.requireNonNull(listener, "listener");
      return this;
    }

    /**
     * Remembers refusals: an id that was refused is refused here, without a round trip, when it
     * asks for the same permits again before its {@link Decision#retryAfter} has passed; never
     * longer. {@link RateLimiter#reset} and {@link RateLimiter#refund} through this limiter make it
     * forget. What others give back, or a limiter with other limits, is not noticed until then.
     * Only {@code tryAcquire} without a wait uses it.
     *
     * @param mostIds how many ids are remembered, some 500 bytes each, from 1 to 10⁶; further ones
     *     are asked for in Redis
     * @return this builder
     * @throws IllegalArgumentException if {@code mostIds} is out of its bounds
     */
    @CanIgnoreReturnValue
    public Builder denyCache(int mostIds) {
      this.mostDenials = (int) Arguments.requireRange(mostIds, "mostIds", 1, 1_000_000);
      return this;
    }

    /**
     * Takes permits of busy ids ahead: for ids that one Redis server cannot decide about often
     * enough, such as a limit on a whole API. One decision takes as many as callers of this JVM
     * have lately asked for in the time {@code hold}. They are handed out here without a round
     * trip.
     *
     * <p><b>Never too many.</b> No window holds more than the limit. A permit counts from when it
     * is taken until a window after {@code hold} has passed. So all permits of such an id, of other
     * JVMs too, may come back late by up to {@code hold}. A bucket from which some are taken ahead
     * holds as much less as is refilled in {@code hold}; none are taken ahead if that is all.
     *
     * <p><b>Idle permits.</b> At most {@code mostIdle} permits of an id lie idle in this JVM. What
     * was not used within {@code hold} is given back, by a daemon thread. What a JVM had that died
     * comes back by itself, and so does what is given back a window or more than 10 seconds late. A
     * JVM that knows of no other takes at most half of what is left.
     *
     * <p><b>Fair shares.</b> If all together want more than there is, each limiter that takes ahead
     * gets the same part of the limit, and who wants less gets that. A limiter that has its part is
     * refused, though permits are left, as long as others use theirs up. Who was granted some keeps
     * a right to the rest of its part for {@code 2 × hold}, who was refused for {@code hold} once
     * its {@link Decision#retryAfter} has passed. For example, three limiters that share 900
     * permits a second, and ask for 2000, 500 and 100, have a part of 300 each. The third gets its
     * 100, the others 300 at least, and the 200 that are left go to whichever of them asks first.
     * Parts are those of one period, of the limit with the lowest rate; up to 65 limiters on one id
     * are told apart. Whoever asks for more than its part at once may be refused as long as others
     * ask too. Limiters that do not take ahead are not held back. Give all the same {@code hold}.
     *
     * <p>Refusals are remembered as with {@link #denyCache}, which is not needed beside. {@link
     * Decision#remaining} and the states of the limits are as Redis told them last. Only {@code
     * tryAcquire} without a wait takes permits ahead. After {@link RateLimiter#reset} through
     * another limiter this one still hands out what it has taken before, for as long as it may be
     * kept, and gives nothing of it back.
     *
     * @param mostIdle from 1 to 10⁹
     * @param hold from 1 ms to 1 s, not longer than any window or period of a limit
     * @return this builder
     * @throws NullPointerException if {@code hold} is null
     * @throws IllegalArgumentException if an argument is out of its bounds
     */
    @CanIgnoreReturnValue
    public Builder permitsAhead(long mostIdle, Duration hold) {
      Arguments.requireRange(mostIdle, "mostIdle", 1, MOST_PERMITS);
      this.hold = Arguments.requireDuration(hold, "hold", LONGEST_HOLD);
      this.mostAhead = mostIdle;
      return this;
    }

    /** Sets where the script gets its microseconds from; an empty text is the server's clock. */
    @CanIgnoreReturnValue
    Builder clock(Supplier<String> clock) {
      this.clock = clock;
      return this;
    }

    /** Sets the time by which this JVM waits, remembers and holds. */
    @CanIgnoreReturnValue
    Builder time(PermitsAhead.Time time) {
      this.time = time;
      return this;
    }

    /** Sets where calls get their names from. */
    @CanIgnoreReturnValue
    Builder calls(Supplier<String> calls) {
      this.calls = calls;
      return this;
    }

    /** Sets whether plain calls are decided by plain statements; a test compares. */
    @CanIgnoreReturnValue
    Builder plainly(boolean plainly) {
      this.plainly = plainly;
      return this;
    }

    /**
     * Returns the limiter. Nothing is sent.
     *
     * @return a new limiter
     * @throws IllegalStateException if no limit was added, or permits taken ahead may be held
     *     longer than the window or period of one
     */
    public RateLimiter build() {
      if (limits.isEmpty()) {
        throw new IllegalStateException("a rate limiter needs a limit");
      }
      for (Limit limit : limits) {
        if (hold.compareTo(limit.period()) > 0) {
          throw new IllegalStateException(
              "hold must not be longer than the period of " + limit.name() + ", but is " + hold);
        }
      }
      return new RateLimiter(this);
    }
  }
}
