package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisKeys;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * Grants permits to ids, such as users or API keys, under one limit or several at once, shared by
 * all JVMs that use the same Redis and {@linkplain Builder#name name}.
 *
 * <pre>{@code
 * RateLimiter limiter = new RateLimiter(pool, 100, Duration.ofMinutes(1));
 * if (!limiter.isAllowed(userId)) {
 *   // refuse: the user had 100 requests in the last minute
 * }
 * }</pre>
 *
 * <p><b>Guarantee.</b> Under a sliding window of N permits, no span of its length holds more than N
 * granted permits, wherever it starts and however many callers there are. Several limits are
 * decided in one atomic step: either all of them are charged or none is. A refusal and a {@link
 * #peek} write nothing. Time is the Redis server's; clients' clocks play no part.
 *
 * <p><b>Limit.</b> The guarantee is that of the data: after an eviction, a {@code FLUSHALL}, or a
 * failover to a replica that lacks the latest writes, an id starts afresh or with what the replica
 * has. If the server's clock is stepped back by up to a window, time stands still for that long; if
 * by more, the id starts afresh. So at most one more limit is granted, and no id waits longer than
 * two windows. Where a permit comes back late by up to a {@linkplain Limit#precision slot}, it is
 * late in the time that stands still, so such a wait is longer by up to a slot. Each of several
 * limits does so by its own window: the long one may stand still while the short one goes on. A
 * permit that was granted is never given back, whatever the caller does with it.
 *
 * <p><b>Limits are the caller's.</b> Redis holds no configuration. A limiter built with another
 * number of permits goes on with the same history from its next call; one with another window
 * starts afresh.
 *
 * <p><b>Cost.</b> One round trip for each decision, two for the first one on a server that does not
 * know the script yet, and no thread. State is one key for each id and limit, of at most some 14 KB
 * (a token bucket: 200 bytes; with bookings ahead, 12 bytes more for each), with a TTL set in the
 * same step as each write, and gone a window after the last grant. Keys are <code>
 * rl:&lt;name&gt;:&#123;&lt;id&gt;&#125;:&lt;kind and period&gt;</code>, so all of one id's are in
 * one Cluster slot.
 *
 * <p><b>Failure.</b> If Redis cannot decide, {@link OnUnavailable} does; by default the exception
 * of Jedis is thrown, and it is then unknown whether the permits were charged. Nothing is sent
 * again by this class. A {@code RedisClusterClient} may send a command again whose reply was lost,
 * which charges it twice and never admits more. Built with {@code maxAttempts(1)} it does not, but
 * then the first decision after a slot has moved or failed over is the policy's too. Give every
 * pool a finite {@code maxWait}, or a caller may wait for a connection for ever; an interrupt
 * meanwhile is thrown, as Jedis throws it, under every policy.
 *
 * <p>Thread-safe, without state; a limiter may be kept or made for each call.
 */
public final class RateLimiter {

  static {
    ModuleVersion.check();
  }

  private static final Duration LONGEST_WAIT = Duration.ofDays(1);

  private final RedisAccess redis;
  private final String keyStart;
  private final List<String> keyEnds;
  private final List<Limit> limits;
  private final Limit smallest;
  private final DecisionScript script;
  private final OnUnavailable onUnavailable;
  private final Supplier<String> clock;

  /**
   * Creates a limiter of one sliding window, named {@code default}, that throws if Redis is
   * unavailable.
   *
   * @param pool where connections come from; never closed here
   * @param maxRequests the most requests in any span of the window, from 1 to 10⁹
   * @param window from 1 ms to 366 days, in whole microseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code maxRequests} or {@code window} is out of its bounds
   */
  public RateLimiter(Pool<Jedis> pool, int maxRequests, Duration window) {
    this(builder(pool).limit(simple(maxRequests, window)));
  }

  /**
   * Creates a limiter of one sliding window, named {@code default}, that throws if Redis is
   * unavailable.
   *
   * @param client what reaches Redis; never closed here
   * @param maxRequests the most requests in any span of the window, from 1 to 10⁹
   * @param window from 1 ms to 366 days, in whole microseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code maxRequests} or {@code window} is out of its bounds
   */
  public RateLimiter(UnifiedJedis client, int maxRequests, Duration window) {
    this(builder(client).limit(simple(maxRequests, window)));
  }

  private RateLimiter(Builder builder) {
    this.redis = builder.redis;
    this.keyStart = "rl:" + builder.name + ":";
    this.limits = builder.limits;
    this.keyEnds = limits.stream().map(limit -> ":" + limit.keySuffix()).toList();
    this.smallest = limits.stream().min(Comparator.comparingLong(Limit::permits)).orElseThrow();
    this.script = new DecisionScript(limits);
    this.onUnavailable = builder.onUnavailable;
    this.clock = builder.clock;
  }

  /**
   * Starts a limiter on a pool.
   *
   * @param pool where connections come from; never closed here
   * @return a builder without limits
   * @throws NullPointerException if {@code pool} is null
   */
  public static Builder builder(Pool<Jedis> pool) {
    return new Builder(RedisAccess.of(pool));
  }

  /**
   * Starts a limiter on a client.
   *
   * @param client what reaches Redis; never closed here
   * @return a builder without limits
   * @throws NullPointerException if {@code client} is null
   */
  public static Builder builder(UnifiedJedis client) {
    return new Builder(RedisAccess.of(client));
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
   * has fewer permits, which is refused with {@link Decision#NEVER}.
   *
   * <p>Permits that {@link #acquire} has booked are ahead: until the last of them is due, this
   * refuses.
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
    return book(id, permits, 0).decision();
  }

  /**
   * Takes so many permits at the first instant at which every limit allows all of them, and waits
   * for that instant.
   *
   * <p>The instant is booked in one round trip, before the wait, so callers in all JVMs are served
   * in the order in which they asked, and nobody asks twice. If it is further away than {@code
   * maxWait}, or a sliding window has 4,096 instants or some 3 × 10⁹ permits booked ahead, this
   * refuses at once without waiting and takes nothing.
   *
   * <p>The permits stay booked if the wait is interrupted. When Redis is unavailable, this does not
   * wait.
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
  public Decision acquire(String id, long permits, Duration maxWait) throws InterruptedException {
    return bookAndWait(id, permits, maxWait).decision();
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
    return book(id, 1, DecisionScript.ONLY_ASK).decision();
  }

  /**
   * Forgets what the id was granted, and booked, under the limits of this limiter: it starts
   * afresh. One round trip.
   *
   * @param id any text
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if {@code id} is empty or has an unpaired surrogate
   * @throws JedisException if Redis fails, under every policy
   */
  public void reset(String id) {
    long unused = redis.execute(redis.commands().del(keys(id).toArray(String[]::new)));
  }

  /** Acquires, as {@link #acquire}, and tells the instant too. */
  Booking bookAndWait(String id, long permits, Duration maxWait) throws InterruptedException {
    Objects.requireNonNull(maxWait, "maxWait");
    if (maxWait.isNegative() || maxWait.compareTo(LONGEST_WAIT) > 0) {
      throw new IllegalArgumentException(
          "maxWait must be from 0 to " + LONGEST_WAIT + ", but is " + maxWait);
    }
    requirePermits(permits);
    List<String> keys = keys(id);
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    Booking booking = bookInterruptibly(keys, permits, maxWait.toNanos() / 1000);
    if (booking.decision().allowed()) {
      sleep(booking.waitMicros());
    }
    return booking;
  }

  /** Decides, as {@link #acquire}, but leaves the waiting to the caller. */
  Booking book(String id, long permits, long maxWaitMicros) {
    requirePermits(permits);
    return book(keys(id), permits, maxWaitMicros);
  }

  private Booking book(List<String> keys, long permits, long maxWaitMicros) {
    if (permits > smallest.permits()) {
      return Booking.without(Decision.never(smallest));
    }
    try {
      return script.run(redis, keys, clock.get(), permits, maxWaitMicros);
    } catch (JedisException e) {
      if (Failures.isInterrupt(e)) {
        // Jedis takes the flag of a thread that is interrupted while it waits for a connection.
        Thread.currentThread().interrupt();
      }
      if (onUnavailable == OnUnavailable.THROW || !Failures.isPassing(e)) {
        throw e;
      }
      boolean allowed = onUnavailable == OnUnavailable.ALLOW;
      return Booking.without(Decision.degraded(allowed, limits.get(0)));
    }
  }

  private Booking bookInterruptibly(List<String> keys, long permits, long maxWaitMicros)
      throws InterruptedException {
    try {
      return book(keys, permits, maxWaitMicros);
    } catch (JedisException e) {
      if (Failures.isInterrupt(e) && Thread.interrupted()) {
        InterruptedException interrupt = new InterruptedException("while waiting for a connection");
        interrupt.initCause(e);
        throw interrupt;
      }
      throw e;
    }
  }

  private List<String> keys(String id) {
    String start = keyStart + RedisKeys.hashTag(id, "id");
    List<String> keys = new ArrayList<>(keyEnds.size());
    for (String end : keyEnds) {
      keys.add(start + end);
    }
    return keys;
  }

  /** Sleeps no shorter than this: Java's sleep may round to milliseconds. */
  private static void sleep(long micros) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MICROSECONDS.toNanos(micros);
    long left = deadline - System.nanoTime();
    while (left > 0) {
      TimeUnit.NANOSECONDS.sleep(left);
      left = deadline - System.nanoTime();
    }
  }

  private static void requirePermits(long permits) {
    Arguments.requireRange(permits, "permits", 1, Long.MAX_VALUE);
  }

  private static Limit simple(int maxRequests, Duration window) {
    Arguments.requireRange(maxRequests, "maxRequests", 1, 1_000_000_000);
    return Limit.of(maxRequests, window);
  }

  /** Sets up a {@link RateLimiter}. Not thread-safe. */
  public static final class Builder {

    private static final int MOST_LIMITS = 8;

    private final RedisAccess redis;
    private String name = "default";
    private List<Limit> limits = List.of();
    private OnUnavailable onUnavailable = OnUnavailable.THROW;
    private Supplier<String> clock = () -> "";

    private Builder(RedisAccess redis) {
      this.redis = redis;
    }

    /**
     * Sets the name, which tells this limiter's permits from those of others. Limiters with the
     * same name share the history of limits with the same kind and period.
     *
     * @param name letters, digits, {@code _}, {@code .} and {@code -}; {@code default} unless set
     * @return this builder
     * @throws NullPointerException if {@code name} is null
     * @throws IllegalArgumentException if it has another character or none
     */
    @CanIgnoreReturnValue
    public Builder name(String name) {
      this.name = Limit.requireName(name, "name");
      return this;
    }

    /**
     * Sets the limits, all of which must allow a permit; those set before are forgotten.
     *
     * @param first a limit
     * @param more others, up to 8 in all, each with a kind or a period of its own
     * @return this builder
     * @throws NullPointerException if one is null
     * @throws IllegalArgumentException if there are more than 8, or two of one kind with the same
     *     period, of which the larger would have no effect
     */
    @CanIgnoreReturnValue
    public Builder limit(Limit first, Limit... more) {
      Objects.requireNonNull(first, "first");
      Objects.requireNonNull(more, "more");
      List<Limit> all =
          Stream.concat(Stream.of(first), Stream.of(more))
              .map(limit -> Objects.requireNonNull(limit, "limit"))
              .toList();
      Arguments.requireRange(all.size(), "number of limits", 1, MOST_LIMITS);
      Set<String> states = new HashSet<>();
      for (Limit limit : all) {
        if (!states.add(limit.keySuffix())) {
          throw new IllegalArgumentException(
              "two limits of one limiter must differ in kind or period, but a second has "
                  + limit.period());
        }
      }
      this.limits = all;
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

    /** Sets where the script gets its microseconds from; an empty text is the server's clock. */
    @CanIgnoreReturnValue
    Builder clock(Supplier<String> clock) {
      this.clock = clock;
      return this;
    }

    /**
     * Returns the limiter. Nothing is sent.
     *
     * @return a new limiter
     * @throws IllegalStateException if no limit was set
     */
    public RateLimiter build() {
      if (limits.isEmpty()) {
        throw new IllegalStateException("a rate limiter needs a limit");
      }
      return new RateLimiter(this);
    }
  }
}
