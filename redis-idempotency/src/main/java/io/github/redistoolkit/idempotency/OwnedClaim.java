package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultCodec.Encoded;
import io.github.redistoolkit.idempotency.ResultCodec.Unfit;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/** A claim whose work is this caller's to do. */
final class OwnedClaim<T> implements Claim<T> {

  /** How long after the first failure, and how often at least, the end of a claim is sent. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private static final int LEAST_TRIES = 3;

  /** What the owner has asked for so far. */
  private enum Phase {
    OPEN,
    /** Asked to complete, without success yet. */
    COMPLETING,
    COMPLETED,
    ABANDONED
  }

  /** What identifies the claim in Redis. */
  record Owner(String key, String token, String fingerprint, int attempt) {}

  private final Records records;
  private final ResultCodec codec;
  private final Owner owner;
  private final TypeToken<T> type;
  private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.OPEN);

  OwnedClaim(Records records, ResultCodec codec, Owner owner, TypeToken<T> type) {
    this.records = records;
    this.codec = codec;
    this.owner = owner;
    this.type = type;
  }

  @Override
  public boolean isReplay() {
    return false;
  }

  @Override
  public @Nullable T result() {
    throw new IllegalStateException("not a replay: the work is this claim's to do");
  }

  @Override
  public int attempt() {
    return owner.attempt();
  }

  @Override
  public void complete(@Nullable T result) {
    Phase before = phase.getAndUpdate(now -> now == Phase.OPEN ? Phase.COMPLETING : now);
    if (before == Phase.COMPLETED || before == Phase.ABANDONED) {
      throw new IllegalStateException(
          "this claim was " + (before == Phase.COMPLETED ? "completed" : "abandoned") + " before");
    }
    Encoded encoded = codec.encode(result, type);
    record(encoded, result);
    phase.set(Phase.COMPLETED);
    if (encoded instanceof Unfit unfit) {
      throw new ResultNotRecordedException(unfit.reason(), result, unfit.cause());
    }
  }

  @Override
  public boolean extend(Duration lease) {
    IdempotencyService.requireLease(lease);
    return records.extend(owner.key(), owner.token(), lease);
  }

  @Override
  public void abandon() {
    if (phase.getAndUpdate(now -> now == Phase.COMPLETED ? now : Phase.ABANDONED)
        != Phase.COMPLETED) {
      release();
    }
  }

  @Override
  public void close() {
    if (phase.compareAndSet(Phase.OPEN, Phase.ABANDONED)) {
      release();
    }
  }

  @Override
  public String toString() {
    return "Claim[attempt " + owner.attempt() + ", " + phase + "]";
  }

  private void record(Encoded encoded, @Nullable T result) {
    boolean recorded;
    try {
      recorded =
          persistently(
              () ->
                  records.complete(
                      owner.key(), owner.token(), owner.fingerprint(), owner.attempt(), encoded));
    } catch (StoredResultException e) {
      throw new ResultNotRecordedException(Reason.RECORD_UNREADABLE, result, e);
    } catch (JedisException e) {
      throw new ResultNotRecordedException(Reason.REDIS_UNAVAILABLE, result, e);
    }
    if (!recorded) {
      throw new ResultNotRecordedException(Reason.LEASE_LOST, result, null);
    }
  }

  private void release() {
    persistently(
        () -> {
          records.abandon(owner.key(), owner.token());
          return true;
        });
  }

  /** Tries until Redis answers or patience ends; an interrupt is kept for the caller. */
  @CanIgnoreReturnValue
  private static boolean persistently(BooleanSupplier call) {
    boolean interrupted = false;
    long firstFailure = 0;
    try {
      for (int tries = 1; ; tries++) {
        interrupted |= Thread.interrupted();
        try {
          return call.getAsBoolean();
        } catch (JedisException e) {
          firstFailure = tries == 1 ? System.nanoTime() : firstFailure;
          if (tries >= LEAST_TRIES && System.nanoTime() - firstFailure > PATIENCE.toNanos()) {
            throw e;
          }
        }
        // Short at first, about 60 tries in a second: what fails may be no more than a connection
        // that died while the work ran, and the next one of the pool may have died with it.
        interrupted |= isInterruptedWithin(Duration.ofNanos(500_000L * tries));
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static boolean isInterruptedWithin(Duration pause) {
    try {
      TimeUnit.NANOSECONDS.sleep(pause.toNanos());
      return false;
    } catch (InterruptedException e) {
      return true;
    }
  }
}
