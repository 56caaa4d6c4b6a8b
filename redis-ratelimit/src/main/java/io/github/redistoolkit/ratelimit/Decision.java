package io.github.redistoolkit.ratelimit;

import java.time.Duration;

/**
 * What a {@link RateLimiter} decided, at one instant of the Redis server's clock.
 *
 * <p>All figures are of that instant and of no later one: other callers go on taking permits.
 *
 * @param allowed whether the permits were granted; of {@link RateLimiter#peek}, whether one would
 *     have been
 * @param limit the limit that restricts most: of a refusal the one that will be satisfied last,
 *     else the one with the fewest permits left; the first if degraded, the smallest if never
 * @param remaining the permits that could still be granted at that instant, under all limits
 *     together; 0 if others have booked permits ahead, if the decision is degraded, and if more
 *     permits were wanted than the limit has
 * @param retryAfter zero if allowed; else the time from the decision to the first instant at which
 *     the same permits fit if nobody else takes any, or {@link #NEVER}; zero if degraded
 * @param resetAfter the time until every limit has all its permits again if nobody takes any; zero
 *     if degraded or never
 * @param degraded whether Redis did not decide this but {@link OnUnavailable#ALLOW} or {@link
 *     OnUnavailable#DENY}
 */
public record Decision(
    boolean allowed,
    Limit limit,
    long remaining,
    Duration retryAfter,
    Duration resetAfter,
    boolean degraded) {

  /**
   * The {@link #retryAfter} of permits that a limit can never grant because it has fewer; about 292
   * years, so that it fits nanoseconds in a {@code long}.
   */
  public static final Duration NEVER = Duration.ofNanos(Long.MAX_VALUE);

  /** Permits that the limit can never grant, known without asking Redis. */
  static Decision never(Limit limit) {
    return new Decision(false, limit, 0, NEVER, Duration.ZERO, false);
  }

  /** What a policy decides without Redis. */
  static Decision degraded(boolean allowed, Limit limit) {
    return new Decision(allowed, limit, 0, Duration.ZERO, Duration.ZERO, true);
  }
}
