package io.github.redistoolkit.ratelimit;

/**
 * Is told what a {@link RateLimiter} decided, for instance to count it.
 *
 * <p>Every method does nothing unless overridden. Calls come on the thread that asked, before it
 * gets its answer, and from many threads at once; keep them short. An exception thrown here is
 * logged.
 */
public interface RateLimiterListener {

  /**
   * Permits were granted, refused or charged, by Redis, by a policy in its place, or here without
   * asking it. A {@link RateLimiter#peek} is not told.
   *
   * @param name of the limiter
   * @param decision how it came out is {@link Decision#outcome}; the limit that restricts most,
   *     with its own name, is {@link Decision#limit}
   */
  default void onDecision(String name, Decision decision) {}
}
