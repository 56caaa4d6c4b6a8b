package io.github.redistoolkit.ratelimit;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What a {@link RateLimiter} decided, at one instant of the Redis server's clock.
 *
 * <p>All figures are of that instant and of no later one: other callers go on taking permits.
 *
 * <p>The headers {@code RateLimit-Policy} and {@code RateLimit} of the IETF's draft have one item
 * for each limit. Their parameters are in {@link #limits}: {@code q} is {@link Limit#permits},
 * {@code w} the seconds of {@link Limit#timeToFull} and {@code r} is {@link OfLimit#remaining}; the
 * item is named after {@link Limit#name}. {@code t} says when there is more again, not when all of
 * it is back: it is {@link OfLimit#retryAfterSeconds} for a limit that refuses, and left out for
 * any other. {@code Retry-After} is {@link #retryAfterSeconds}, which is never before a {@code t}.
 *
 * @param allowed whether the permits were granted; of {@link RateLimiter#peek}, whether they would
 *     have been
 * @param limit the limit that restricts most. For a refusal that is the one that will be satisfied
 *     last, otherwise the one with the fewest permits left. If degraded it is the first, and if
 *     never the smallest
 * @param remaining the permits that could still be granted at that instant, under all limits
 *     together; 0 if others have booked permits ahead, if the decision is degraded, and if more
 *     permits were wanted than the limit has
 * @param retryAfter zero if allowed or degraded; otherwise the time from the decision to the first
 *     instant at which the same permits fit if nobody else takes any; empty if they never will,
 *     since a limit has fewer
 * @param resetAfter the time until every limit has all its permits again if nobody takes any; zero
 *     if degraded or never
 * @param limits each limit's own state, in the order of the limiter; empty if Redis did not decide,
 *     since the decision is degraded or never
 * @param cause why {@link OnUnavailable#ALLOW} or {@link OnUnavailable#DENY} decided and not Redis;
 *     empty if Redis did
 */
public record Decision(
    boolean allowed,
    Limit limit,
    long remaining,
    Optional<Duration> retryAfter,
    Duration resetAfter,
    List<OfLimit> limits,
    Optional<JedisException> cause) {

  /** How a decision came out, as a metric counts it. */
  public enum Outcome {
    /** Redis granted the permits. */
    ALLOWED,
    /** The permits do not fit. */
    REFUSED,
    /** Redis could not decide, so a policy did. */
    DEGRADED
  }

  /**
   * What a decision says about one limit.
   *
   * @param limit the limit
   * @param remaining the permits that this limit could still grant
   * @param retryAfter the time until this limit has the permits that were asked for; zero if it had
   *     them; empty if it never will
   * @param resetAfter the time until it has all its permits again if nobody takes any
   */
  public record OfLimit(
      Limit limit, long remaining, Optional<Duration> retryAfter, Duration resetAfter) {

    /**
     * Returns {@link #retryAfter} in whole seconds, rounded up, as the {@code t} of {@code
     * RateLimit} wants it.
     *
     * @return seconds, from 0, which is if this limit had the permits; empty for never
     */
    public OptionalLong retryAfterSeconds() {
      return inSeconds(retryAfter);
    }

    /**
     * Returns {@link #resetAfter} in whole seconds, rounded up.
     *
     * @return seconds, from 0
     */
    public long resetAfterSeconds() {
      return roundedUp(resetAfter);
    }

    private OfLimit later(Duration passed) {
      return new OfLimit(
          limit, remaining, retryAfter.map(time -> less(time, passed)), less(resetAfter, passed));
    }
  }

  /**
   * Creates a decision, for tests of callers.
   *
   * @param allowed whether the permits were granted
   * @param limit the limit that restricts most
   * @param remaining permits
   * @param retryAfter zero if allowed; empty for never
   * @param resetAfter until all permits are back
   * @param limits copied
   * @param cause of a degraded decision
   * @throws NullPointerException if an argument is null
   */
  public Decision {
    limits = List.copyOf(limits);
  }

  /**
   * Returns {@link #retryAfter} in whole seconds, rounded up, as {@code Retry-After} wants it: who
   * retries then is not too early.
   *
   * @return seconds, from 0; empty for never
   */
  public OptionalLong retryAfterSeconds() {
    return inSeconds(retryAfter);
  }

  /**
   * Tells whether a policy decided in Redis's place.
   *
   * @return whether there is a {@link #cause}
   */
  public boolean degraded() {
    return cause.isPresent();
  }

  /**
   * Returns how this came out.
   *
   * @return degraded whenever Redis did not decide, else allowed or refused
   */
  public Outcome outcome() {
    if (degraded()) {
      return Outcome.DEGRADED;
    }
    return allowed ? Outcome.ALLOWED : Outcome.REFUSED;
  }

  /** Permits that the limit can never grant, known without asking Redis. */
  static Decision never(Limit limit) {
    return new Decision(
        false, limit, 0, Optional.empty(), Duration.ZERO, List.of(), Optional.empty());
  }

  /** Permits that were taken before, of which so many are left here. */
  static Decision fromAhead(Decision last, long left) {
    return new Decision(
        true,
        last.limit(),
        last.remaining() + left,
        Optional.of(Duration.ZERO),
        last.resetAfter(),
        last.limits(),
        Optional.empty());
  }

  /** What a policy decides without Redis. */
  static Decision degraded(boolean allowed, Limit limit, JedisException cause) {
    return new Decision(
        allowed,
        limit,
        0,
        Optional.of(Duration.ZERO),
        Duration.ZERO,
        List.of(),
        Optional.of(cause));
  }

  /** The same refusal, told so much later. */
  Decision later(Duration passed) {
    return new Decision(
        allowed,
        limit,
        remaining,
        retryAfter.map(time -> less(time, passed)),
        less(resetAfter, passed),
        limits.stream().map(each -> each.later(passed)).toList(),
        cause);
  }

  private static Duration less(Duration time, Duration passed) {
    return time.compareTo(passed) > 0 ? time.minus(passed) : Duration.ZERO;
  }

  private static OptionalLong inSeconds(Optional<Duration> time) {
    return time.map(Decision::roundedUp).map(OptionalLong::of).orElse(OptionalLong.empty());
  }

  private static long roundedUp(Duration duration) {
    return duration.plusSeconds(1).minusNanos(1).toSeconds();
  }
}
