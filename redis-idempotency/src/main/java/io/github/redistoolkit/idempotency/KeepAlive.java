package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Renews the lease of a claim while the work runs, for no longer than was said. */
final class KeepAlive implements Renewable {

  private static final EventLog LOG = EventLog.shared(IdempotencyService.class);

  private final Ticker ticker;
  private final String redisKey;
  private final Stored claim;
  private final AtomicInteger steps;
  private final long leaseMillis;
  private final long until;

  /** Until when the owner has asked for itself. */
  private volatile long extendedUntil;

  /**
   * Prepares it.
   *
   * @param steps counts the extensions of the claim, the owner's own ones included
   */
  KeepAlive(
      String redisKey,
      Stored claim,
      AtomicInteger steps,
      long leaseMillis,
      Duration maxHold,
      Ticker ticker) {
    this.ticker = ticker;
    this.redisKey = redisKey;
    this.claim = claim;
    this.steps = steps;
    this.leaseMillis = leaseMillis;
    long now = ticker.nanoTime();
    this.until = now + maxHold.toNanos();
    this.extendedUntil = now;
  }

  /** Takes note of an extension about to be asked for, which no renewal is to cut short. */
  void extended(Duration lease) {
    extendedUntil = ticker.nanoTime() + lease.toNanos();
  }

  @Override
  public @Nullable Request request() {
    long now = ticker.nanoTime();
    if (now - until >= 0) {
      return null;
    }
    long millis = Math.max(leaseMillis, TimeUnit.NANOSECONDS.toMillis(extendedUntil - now));
    return Records.extension(
        redisKey, claim.owner(), steps.incrementAndGet(), millis + claim.keepMillis());
  }

  @Override
  public Answer answered(@Nullable Object reply, long asked) {
    return Records.isExtended(reply) ? Answer.RENEWED : Answer.GONE;
  }

  @Override
  public void failed(RuntimeException why) {
    LOG.warn(why, "The lease of a claim could not be renewed; trying until it ends");
  }

  @Override
  public void over() {
    LOG.warn("The lease of a claim could not be renewed in time, and has ended");
  }
}
