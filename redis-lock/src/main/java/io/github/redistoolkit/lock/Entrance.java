package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The way to the leases on one name, whatever {@linkplain Kind kind} they are of: at once, or in
 * turn with the other threads that wait here, of which only the first asks. Thread-safe.
 */
final class Entrance {

  private static final Duration LONGEST_COUNTED = Duration.ofNanos(Long.MAX_VALUE);

  private final LockCommands commands;
  private final long leaseMillis;
  private final LockSettings settings;
  private final WaitingConnections connections;
  private final Semaphore queue;

  Entrance(
      RedisAccess redis,
      Kind kind,
      String prefix,
      String name,
      Duration lease,
      LockSettings settings,
      Semaphore queue) {
    this.commands = new LockCommands(redis, kind, prefix, name);
    this.leaseMillis = requireLease(lease).toMillis();
    this.settings = settings;
    this.connections = WaitingConnections.of(redis);
    this.queue = queue;
  }

  static Duration requireLease(Duration lease) {
    return Arguments.requireDuration(lease, "lease", Arguments.LONGEST_LEASE);
  }

  /** A fair queue; only its first thread asks Redis. */
  static Semaphore newQueue() {
    return new Semaphore(1, /* fair= */ true);
  }

  LockCommands commands() {
    return commands;
  }

  /** Asks once, also if the thread is interrupted. */
  Optional<Lease> tryAcquire() {
    long start = System.nanoTime();
    try {
      return told(acquisition(start, 0).once(), start);
    } catch (RuntimeException | Error e) {
      failed(e, start);
      throw e;
    }
  }

  /** Waits for it if need be; asks once if there is no time for that. */
  Optional<Lease> tryAcquire(Duration maxWait) throws InterruptedException {
    long maxWaitNanos = nanos(maxWait);
    long start = System.nanoTime();
    try {
      return told(attempt(maxWaitNanos), start);
    } catch (RuntimeException | Error e) {
      failed(e, start);
      throw e;
    }
  }

  /** Asks once, also if the thread is interrupted, and nobody is told of it yet. */
  Optional<Lease> attempt() {
    return acquisition(System.nanoTime(), 0).once();
  }

  /** Waits for it if need be, and nobody is told of it yet. */
  Optional<Lease> attempt(long maxWaitNanos) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    long start = System.nanoTime();
    return maxWaitNanos <= 0 ? acquisition(start, 0).once() : inTurn(start, maxWaitNanos);
  }

  /** Waits for it if need be, or throws. */
  Lease acquire(Duration maxWait) throws InterruptedException {
    return tryAcquire(maxWait)
        .orElseThrow(
            () -> new LockTimeoutException(commands.shown() + " was not free within " + maxWait));
  }

  private Optional<Lease> inTurn(long start, long maxWaitNanos) throws InterruptedException {
    if (commands.order() == Kind.Order.IN_TURNS_SHARED
        && queue.availablePermits() == 0
        && !queue.hasQueuedThreads()) {
      Optional<Lease> lease = beside(start);
      if (lease.isPresent()) {
        return lease;
      }
    }
    long left = maxWaitNanos - (System.nanoTime() - start);
    if (!queue.tryAcquire(left, TimeUnit.NANOSECONDS)) {
      // Whether all was held or Redis not there, nobody but Redis can say.
      return acquisition(start, 0).patiently();
    }
    try {
      return acquisition(start, maxWaitNanos - (System.nanoTime() - start)).patiently();
    } finally {
      queue.release();
    }
  }

  /** Asks beside the one that is first, which need not wait: what several may have at a time. */
  private Optional<Lease> beside(long start) {
    try {
      return acquisition(start, 0).once();
    } catch (JedisException e) {
      if (!Failures.isPassing(e)) {
        throw e;
      }
      return Optional.empty();
    }
  }

  /** Tells the listener what became of an attempt that began at a time. */
  @CanIgnoreReturnValue
  Optional<Lease> told(Optional<Lease> lease, long start) {
    long waited = System.nanoTime() - start;
    if (lease.isPresent()) {
      settings.tellAcquired(commands.name(), waited);
    } else {
      settings.tellRefused(commands.name(), waited);
    }
    return lease;
  }

  /** Tells the listener that an attempt that began at a time failed. */
  void failed(Throwable failure, long start) {
    settings.tellFailed(commands.name(), System.nanoTime() - start, failure);
  }

  private Acquisition acquisition(long arrived, long maxWaitNanos) {
    return new Acquisition(commands, leaseMillis, settings, connections, arrived, maxWaitNanos);
  }

  /** Returns a wait, which has no end if it is longer than can be counted. */
  static long nanos(Duration maxWait) {
    Objects.requireNonNull(maxWait, "maxWait");
    if (maxWait.isNegative()) {
      return 0;
    }
    return maxWait.compareTo(LONGEST_COUNTED) < 0 ? maxWait.toNanos() : Long.MAX_VALUE;
  }
}
