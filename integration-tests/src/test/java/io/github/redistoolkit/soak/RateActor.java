package io.github.redistoolkit.soak;

import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import java.time.Duration;
import java.util.Optional;
import java.util.SplittableRandom;

/** Asks for permits under several limits, from a bucket, and ahead; gives some back. */
final class RateActor implements Actor {

  static final String WINDOWS = "windows";
  static final String BUCKET = "bucket";
  static final String AHEAD = "ahead";
  static final Duration SECOND = Duration.ofSeconds(1);
  static final Duration LONG = Duration.ofSeconds(8);
  static final long PER_SECOND = 10;
  static final long PER_LONG = 40;
  static final long AHEAD_PER_SECOND = 50;

  /** Until a refund must have come: well before the permits leave the longest window. */
  private static final Duration PUNCTUAL = Duration.ofMillis(500);

  private final RateLimiter windows;
  private final RateLimiter bucket;
  private final RateLimiter ahead;
  private final String id;
  private final Recorder recorder;

  RateActor(Access access, String id, Recorder recorder) {
    this.windows =
        builder(access, WINDOWS)
            .limit(Limit.of(PER_SECOND, SECOND), Limit.of(PER_LONG, LONG))
            .build();
    this.bucket =
        builder(access, BUCKET).limit(Limit.tokenBucket(PER_SECOND, PER_SECOND, SECOND)).build();
    this.ahead =
        builder(access, AHEAD)
            .limit(Limit.of(AHEAD_PER_SECOND, SECOND))
            .permitsAhead(20, Duration.ofMillis(200))
            .build();
    this.id = id;
    this.recorder = recorder;
  }

  private static RateLimiter.Builder builder(Access access, String name) {
    return access.over(
        pool -> RateLimiter.builder(pool, name), client -> RateLimiter.builder(client, name));
  }

  @Override
  public void act(SplittableRandom random) throws InterruptedException {
    switch (random.nextInt(4)) {
      case 0 -> take(WINDOWS, windows, random, 3, false);
      case 1 -> take(BUCKET, bucket, random, 3, false);
      case 2 -> take(AHEAD, ahead, random, 1, false);
      default -> take(WINDOWS, windows, random, 3, random.nextInt(4) == 0);
    }
  }

  private void take(
      String kind, RateLimiter limiter, SplittableRandom random, int most, boolean giveBack)
      throws InterruptedException {
    int permits = random.nextInt(1, most + 1);
    Duration wait =
        random.nextInt(4) == 0 && most > 1
            ? Duration.ofMillis(random.nextInt(1, 400))
            : Duration.ZERO;
    long asked = System.nanoTime();
    Optional<Decision> decision =
        recorder.call(
            kind + " tryAcquire",
            () ->
                wait.isZero()
                    ? limiter.tryAcquire(id, permits)
                    : limiter.tryAcquire(id, permits, wait));
    long had = System.nanoTime();
    if (decision.isEmpty() || !decision.get().allowed()) {
      return;
    }
    if (!giveBack) {
      recorder.add(kind, id, String.valueOf(permits), asked, had);
      return;
    }
    Optional<Boolean> given =
        recorder.call(
            kind + " refund",
            () -> {
              limiter.refund(id, permits);
              return true;
            });
    long end = System.nanoTime();
    if (given.isEmpty() || end - asked > PUNCTUAL.toNanos()) {
      // Whenever it comes, or has come: what it frees then counts no more for a window.
      recorder.add(
          WithinLimit.LATE_REFUND,
          id,
          String.valueOf(permits),
          asked,
          end + LONG.multipliedBy(3).toNanos());
    }
  }
}
