package io.github.redistoolkit.lock;

import java.lang.ref.WeakReference;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The renewal of one hold, and the watch over its end.
 *
 * <p>The watch is a timer that makes no I/O, so that a renewal which hangs cannot delay the news of
 * the loss. It does not keep the {@link Lease} reachable: nobody can release what nobody can reach,
 * so that is not renewed either.
 */
final class KeepAlive {

  private static final Logger LOG = LoggerFactory.getLogger(RedisLock.class);

  /** After how long a callback is tried again for which there was no thread. */
  private static final long NEXT_TELLING_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private final Hold hold;
  private final WeakReference<Lease> handle;
  private final Runnable onLost;
  private final long maxHoldEnd;
  private final Executor workers;
  private final AtomicBoolean told = new AtomicBoolean();

  // Below: written under this object's monitor.
  private @Nullable Future<?> timer;
  private long nextRenewal;
  private boolean renewing;
  private boolean abandoned;
  private boolean ended;
  private long renewingSince;
  private volatile String lostWhy = "";

  /** Whether the last renewal failed; touched by one renewal at a time. */
  private volatile boolean failing;

  KeepAlive(Hold hold, Lease handle, long maxHoldNanos, Runnable onLost) {
    this(hold, handle, maxHoldNanos, onLost, RenewalThreads::run);
  }

  /** One whose renewals and callback are run by the given executor, which may fail to. */
  KeepAlive(Hold hold, Lease handle, long maxHoldNanos, Runnable onLost, Executor workers) {
    this.hold = hold;
    this.handle = new WeakReference<>(handle);
    this.onLost = onLost;
    this.workers = workers;
    long now = System.nanoTime();
    this.maxHoldEnd = now + maxHoldNanos;
    this.nextRenewal = now + Math.min(hold.nanosLeft(), leaseNanos()) / 3;
  }

  /** Sets the timer to whatever comes first. */
  synchronized void schedule() {
    if (ended) {
      return;
    }
    if (timer != null) {
      timer.cancel(false);
    }
    long now = System.nanoTime();
    long wait = Math.min(hold.nanosLeft(), maxHoldEnd - now);
    if (!renewing && !abandoned) {
      wait = Math.min(wait, nextRenewal - now);
    }
    timer = RenewalThreads.schedule(this::tick, Math.max(0, wait));
  }

  /** Takes note that the lease ends at another time than before. */
  synchronized void endMoved() {
    long soon = System.nanoTime() + hold.nanosLeft() / 3;
    if (soon - nextRenewal < 0) {
      nextRenewal = soon;
    }
    schedule();
  }

  /** Ends the renewal and, if that has not been done, has the holder told. */
  void lost(String why) {
    stop(why);
    haveTold();
  }

  /** Has the holder told by another thread, in a while if there is none to be had now. */
  private void haveTold() {
    try {
      workers.execute(this::tell);
    } catch (Throwable e) {
      haveToldLater();
      LOG.warn("No thread to tell of the loss of lock {}; trying again", hold.name(), e);
    }
  }

  private void haveToldLater() {
    try {
      var unused = RenewalThreads.schedule(this::haveTold, NEXT_TELLING_NANOS);
    } catch (Throwable e) {
      // Nor one for the time: better told by the wrong thread than not at all.
      tell();
    }
  }

  /** Ends the renewal. */
  void stop() {
    stop("");
  }

  private synchronized void stop(String why) {
    if (!ended && renewing) {
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - renewingSince);
      lostWhy = why + ", while a renewal had been under way for " + millis + " ms";
    } else if (!ended) {
      lostWhy = why;
    }
    ended = true;
    if (timer != null) {
      timer.cancel(false);
    }
  }

  private void tick() {
    // Looking is enough: a hold whose time is over tells us.
    if (!hold.isHeld()) {
      return;
    }
    if (maxHoldEnd - System.nanoTime() <= 0) {
      hold.lose("maxHold is over");
      return;
    }
    try {
      if (isRenewalDue()) {
        haveRenewed();
      }
    } finally {
      schedule();
    }
  }

  private void haveRenewed() {
    try {
      workers.execute(this::renew);
    } catch (Throwable e) {
      renewed(pauseAfterFailure());
      warn(e);
    }
  }

  private synchronized boolean isRenewalDue() {
    if (ended || renewing || abandoned || nextRenewal - System.nanoTime() > 0) {
      return false;
    }
    renewing = true;
    renewingSince = System.nanoTime();
    return true;
  }

  private void renew() {
    if (handle.get() == null) {
      abandon();
      LOG.warn("The lease on lock {} was dropped without a release; it expires", hold.name());
      return;
    }
    boolean renewed = false;
    try {
      renewed = hold.renew();
      failing = false;
    } catch (Throwable e) {
      // Not after the log, which may hang.
      renewed(pauseAfterFailure());
      warn(e);
      return;
    }
    renewed(renewed ? leaseNanos() / 3 : pauseAfterFailure());
  }

  /** Has the next renewal come after a pause, or sooner if the lease has not that long to go. */
  private synchronized void renewed(long pause) {
    renewing = false;
    long soon = Math.max(hold.nanosLeft() / 3, SHORTEST_PAUSE_NANOS);
    nextRenewal = System.nanoTime() + Math.min(pause, soon);
    schedule();
  }

  private synchronized void abandon() {
    renewing = false;
    abandoned = true;
    schedule();
  }

  private void warn(Throwable failure) {
    if (failing) {
      LOG.debug("Lock {} could not be renewed", hold.name(), failure);
    } else {
      failing = true;
      LOG.warn("Lock {} could not be renewed; trying until its lease ends", hold.name(), failure);
    }
  }

  private void tell() {
    if (!told.compareAndSet(false, true)) {
      return;
    }
    try {
      onLost.run();
    } catch (Throwable e) {
      LOG.warn("The callback for the loss of lock {} failed", hold.name(), e);
    }
    // After the holder, who must not wait for a log.
    LOG.warn("The lease on lock {} was lost: {}", hold.name(), lostWhy);
  }

  private long pauseAfterFailure() {
    return leaseNanos() / 10;
  }

  private long leaseNanos() {
    return TimeUnit.MILLISECONDS.toNanos(hold.leaseMillis());
  }
}
