package io.github.redistoolkit.idempotency;

import static io.github.redistoolkit.idempotency.Persistence.persistently;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Renewal;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.idempotency.Records.Settled;
import io.github.redistoolkit.idempotency.ResultCodec.Encoded;
import io.github.redistoolkit.idempotency.ResultCodec.Fit;
import io.github.redistoolkit.idempotency.ResultCodec.Unfit;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/** A claim whose work is this caller's to do. */
final class OwnedClaim<T> implements Claim<T> {

  /** How far the end of the claim has come. */
  private enum End {
    NONE,
    /** Asked for, without success yet. */
    COMPLETING,
    FAILING,
    /** Had. */
    COMPLETED,
    FAILED,
    ABANDONED
  }

  /** Whom a claim works for and with. */
  record Owner(
      Records records,
      Withdrawals withdrawals,
      ResultCodec codec,
      FailureRules rules,
      Listening listening,
      String key,
      String redisKey,
      long ttlMillis) {}

  private final Owner owner;
  private final TypeToken<T> type;
  private final AtomicInteger steps = new AtomicInteger();

  /** One end at a time, so that what a claim becomes is what one caller has been told. */
  private final ReentrantLock ending = new ReentrantLock();

  private volatile End end = End.NONE;
  private volatile @Nullable KeepAlive keepAlive;
  private volatile @Nullable Renewal renewal;

  /** As Redis had it when last heard of. */
  private volatile Stored claim;

  OwnedClaim(Owner owner, Stored claim, TypeToken<T> type) {
    this.owner = owner;
    this.claim = claim;
    this.type = type;
  }

  /**
   * Has the lease renewed until the claim is ended or the time is over.
   *
   * @throws OutOfMemoryError if there is no thread for it
   */
  void keepAlive(Duration lease, Duration maxHold) {
    Ticker ticker = owner.records().ticker();
    KeepAlive kept =
        new KeepAlive(owner.redisKey(), claim, steps, lease.toMillis(), maxHold, ticker);
    keepAlive = kept;
    renewal = owner.records().keep(owner.redisKey(), lease.toMillis(), kept);
  }

  @Override
  public boolean replayed() {
    return false;
  }

  @Override
  public @Nullable T result() {
    throw new IllegalStateException("not a replay: the work is this claim's to do");
  }

  @Override
  public int attempt() {
    return claim.attempt();
  }

  /** Whether nothing has been asked for that ends it. */
  boolean isOpen() {
    return end == End.NONE;
  }

  @Override
  public void complete(@Nullable T result) {
    alone(
        () -> {
          requireNoEnd();
          ends(End.COMPLETING);
          Encoded encoded = owner.codec().encode(result, type);
          record(encoded, result);
          end = End.COMPLETED;
          if (encoded instanceof Unfit unfit) {
            throw notRecorded(unfit.reason(), result, unfit.cause());
          }
        });
  }

  private void record(Encoded encoded, @Nullable T result) {
    Settled settled;
    try {
      settled = settle(answer(encoded));
    } catch (StoredResultException e) {
      throw notRecorded(Reason.RECORD_UNREADABLE, result, e);
    } catch (JedisException e) {
      throw notRecorded(Reason.REDIS_UNAVAILABLE, result, e);
    }
    switch (settled) {
      case SETTLED -> {}
      case OTHER -> throw notRecorded(Reason.OTHER_RESULT, result, null);
      case LOST -> throw notRecorded(Reason.CLAIM_LOST, result, null);
    }
  }

  private Stored answer(Encoded encoded) {
    return encoded instanceof Fit fit
        ? claim.settledAs(Stored.Phase.COMPLETED, fit.json())
        : claim.settledAs(Stored.Phase.RESULTLESS, "");
  }

  private ResultNotRecordedException notRecorded(
      Reason reason, @Nullable T result, @Nullable Throwable cause) {
    owner.listening().tell(listener -> listener.onNotRecorded(owner.key(), reason));
    return new ResultNotRecordedException(reason, result, cause);
  }

  @Override
  public boolean extend(Duration lease) {
    long leaseMillis = Durations.requireLease(lease, "lease").toMillis();
    KeepAlive kept = keepAlive;
    if (kept != null) {
      kept.extended(lease);
    }
    int step = steps.incrementAndGet();
    long ttlMillis = leaseMillis + claim.keepMillis();
    boolean extended =
        Claiming.twice(
            () -> owner.records().extend(owner.redisKey(), claim.owner(), step, ttlMillis));
    if (extended) {
      keep(step);
    }
    return extended;
  }

  private synchronized void keep(int step) {
    if (claim.step() < step) {
      claim = claim.extended(step);
    }
  }

  @Override
  public boolean fail(Throwable failure) {
    Objects.requireNonNull(failure, "failure");
    requireNoEnd();
    return switch (owner.rules().of(failure)) {
      case FREE_KEY -> {
        abandon();
        yield true;
      }
      case KEEP_OPEN -> fail(failure, FailureOutcome.KEEP_OPEN, Stored.Phase.OPEN, "");
      case STORE_FAILURE ->
          fail(
              failure,
              FailureOutcome.STORE_FAILURE,
              Stored.Phase.FAILED,
              StoredFailure.encode(failure));
    };
  }

  private boolean fail(Throwable failure, FailureOutcome outcome, Stored.Phase phase, String body) {
    boolean kept = endWithoutResult(phase, body);
    if (kept) {
      owner.listening().tell(listener -> listener.onFailureStored(owner.key(), failure, outcome));
    }
    return kept;
  }

  @Override
  public boolean keepOpen() {
    return endWithoutResult(Stored.Phase.OPEN, "");
  }

  private boolean endWithoutResult(Stored.Phase phase, String body) {
    ending.lock();
    try {
      requireNoEnd();
      ends(End.FAILING);
      boolean settled = settle(claim.settledAs(phase, body)) == Settled.SETTLED;
      end = End.FAILED;
      return settled;
    } finally {
      ending.unlock();
    }
  }

  private void ends(End how) {
    end = how;
    Renewal kept = renewal;
    if (kept != null) {
      kept.end();
    }
  }

  private void requireNoEnd() {
    if (end == End.COMPLETED || end == End.FAILED || end == End.ABANDONED) {
      throw new IllegalStateException(
          "this claim was " + end.name().toLowerCase(Locale.ROOT) + " before");
    }
  }

  private Settled settle(Stored answer) {
    return persistently(
        owner.records().ticker(),
        () -> owner.records().settle(owner.redisKey(), claim, answer, owner.ttlMillis()));
  }

  @Override
  public void abandon() {
    alone(
        () -> {
          if (end != End.COMPLETED && end != End.FAILED) {
            release();
          }
        });
  }

  @Override
  public void close() {
    alone(
        () -> {
          if (end == End.NONE) {
            release();
          }
        });
  }

  private void release() {
    ends(End.ABANDONED);
    try {
      boolean unused =
          persistently(
              owner.records().ticker(),
              () -> {
                owner.records().free(owner.redisKey(), claim.owner(), owner.ttlMillis());
                return true;
              });
    } catch (JedisException e) {
      owner.withdrawals().add(owner.redisKey(), claim.owner(), owner.ttlMillis());
      throw e;
    }
  }

  private void alone(Runnable work) {
    ending.lock();
    try {
      work.run();
    } finally {
      ending.unlock();
    }
  }

  @Override
  public String toString() {
    return "Claim[attempt " + attempt() + ", " + (end == End.NONE ? "OPEN" : end) + "]";
  }
}
