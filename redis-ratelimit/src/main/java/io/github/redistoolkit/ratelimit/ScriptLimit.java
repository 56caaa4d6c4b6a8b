package io.github.redistoolkit.ratelimit;

/**
 * What the script is told of a limit.
 *
 * @param id what names the limit's state among those of an id of the limiter, and its kind: limits
 *     that agree in it share the state
 * @param permits the most at once
 * @param rate the grain of a window's log in microseconds, or the refill of a bucket
 */
record ScriptLimit(long id, long permits, long rate) {

  /** Where the ids of buckets begin: more than the longest period. */
  private static final long BUCKET = 1L << 47;

  static ScriptLimit of(Limit limit) {
    long period = LimitRules.micros(limit.period());
    if (limit instanceof Limit.SlidingWindow window) {
      return new ScriptLimit(period, window.permits(), window.grainMicros());
    }
    if (limit instanceof Limit.TokenBucket bucket) {
      return new ScriptLimit(BUCKET + period, bucket.permits(), bucket.refill());
    }
    throw new IllegalStateException("the script knows no " + limit);
  }
}
