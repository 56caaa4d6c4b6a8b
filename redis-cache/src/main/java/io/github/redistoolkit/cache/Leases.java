package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Renewable.Request;
import io.github.redistoolkit.core.Renewal;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.core.Ticker;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Keeps leases and holds alive while the caller's code runs, and removes those that are known to be
 * dead, over connections of our own.
 *
 * <p>Throws nothing: without a thread the caller's code runs all the same, and what it has ends.
 */
final class Leases {

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  /** For how long a removal is tried, ten times, before that begins anew. */
  private static final long SEND_MILLIS = 5000;

  private final Renewals renewals;
  private final Ticker ticker;
  private final Set<Renewal> kept = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  Leases(RedisAccess redis, Alarms alarms) {
    this.renewals = Renewals.of(redis, alarms);
    this.ticker = alarms.ticker();
  }

  /** The time when something is asked for that is to be kept. */
  long now() {
    return ticker.nanoTime();
  }

  /** What is kept alive until it is ended. */
  final class Kept {

    private final KeptLease lease;
    private final @Nullable Renewal renewal;

    private Kept(KeptLease lease, @Nullable Renewal renewal) {
      this.lease = lease;
      this.renewal = renewal;
    }

    /** Renews no more. A request that is under way may still arrive. */
    void end() {
      lease.end();
      if (renewal != null) {
        kept.remove(renewal);
        renewal.end();
      }
    }
  }

  /**
   * Renews three times per life.
   *
   * @param asked when the lease was asked for, as {@link #now} tells the time
   */
  Kept keep(String what, Request request, long lifeMillis, long asked, Runnable lost) {
    KeptLease lease = new KeptLease(what, request, lost);
    if (closed) {
      return new Kept(lease, null);
    }
    try {
      long end = asked + Renewals.certainNanos(lifeMillis);
      Renewal renewal = renewals.keep(request.keys().get(0), lifeMillis, end, lease);
      kept.add(renewal);
      if (closed) {
        renewal.end();
      }
      return new Kept(lease, renewal);
    } catch (OutOfMemoryError noThread) {
      LOG.warn(noThread, "{} is not renewed, for want of a thread", what);
      return new Kept(lease, null);
    }
  }

  /** Removes a lease as soon as Redis answers, or leaves it to end by itself. */
  void remove(Request removal, long lifeMillis) {
    if (closed) {
      return;
    }
    AtomicReference<@Nullable Renewal> sending = new AtomicReference<>();
    AtomicBoolean done = new AtomicBoolean();
    Runnable forget =
        () -> {
          done.set(true);
          Renewal sent = sending.get();
          if (sent != null) {
            kept.remove(sent);
          }
        };
    long millis = Math.min(lifeMillis, SEND_MILLIS);
    Runnable again =
        () -> {
          forget.run();
          if (lifeMillis > millis) {
            remove(removal, lifeMillis - millis);
          }
        };
    try {
      String key = removal.keys().get(0);
      Renewal sent = renewals.send(key, millis, KeptLease.once(removal, forget, again));
      kept.add(sent);
      sending.set(sent);
      if (done.get()) {
        kept.remove(sent);
      } else if (closed) {
        sent.end();
      }
    } catch (OutOfMemoryError noThread) {
      LOG.warn(noThread, "A lease is left to end by itself, for want of a thread");
    }
  }

  /** Renews nothing any more; what is not renewed ends, which costs a second load at most. */
  void close() {
    closed = true;
    kept.forEach(Renewal::end);
    kept.clear();
  }
}
