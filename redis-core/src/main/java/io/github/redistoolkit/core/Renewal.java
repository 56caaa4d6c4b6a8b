package io.github.redistoolkit.core;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.redistoolkit.core.Alarms.Alarm;
import io.github.redistoolkit.core.Renewable.Answer;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The renewal of one lease: when to ask next, and whether its time is over.
 *
 * <p>Renews every third of the lease. A try that is not answered is followed by another after a
 * tenth of the lease, though the first may still be answered, and so on until the lease is over.
 * Both come sooner if less is left of it. Thread-safe.
 */
public final class Renewal {

  private static final EventLog LOG = EventLog.shared(Renewal.class);

  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private final String key;
  private final long leaseMillis;
  private final Renewable lease;
  private final Alarms alarms;
  private final Ticker ticker;
  private final Consumer<Try> sender;
  private final Consumer<Renewal> ending;

  @GuardedBy("this")
  private long end;

  @GuardedBy("this")
  private long due;

  /** The only try that is still worth sending; null if an answer has come since. */
  @GuardedBy("this")
  private @Nullable Try latest;

  @GuardedBy("this")
  private @Nullable Alarm alarm;

  @GuardedBy("this")
  private boolean ended;

  /**
   * Makes one that does nothing before {@link #begin}.
   *
   * @param key in a Cluster, what decides where to ask
   * @param end until when the lease is certain, on the ticker's clock
   * @param sender sends a try, or has it sent
   * @param ending told once it has ended
   */
  Renewal(
      String key,
      long leaseMillis,
      long end,
      Renewable lease,
      Alarms alarms,
      Ticker ticker,
      Consumer<Try> sender,
      Consumer<Renewal> ending) {
    this.key = key;
    this.leaseMillis = leaseMillis;
    this.end = end;
    this.lease = lease;
    this.alarms = alarms;
    this.ticker = ticker;
    this.sender = sender;
    this.ending = ending;
  }

  /** One request, from when it is due to its answer. */
  static final class Try {

    private final Renewal renewal;

    /** The lane of the try before it, which may be stuck there; else null. */
    private final @Nullable Object before;

    private volatile @Nullable Object lane;

    private Try(Renewal renewal, @Nullable Object before) {
      this.renewal = renewal;
      this.before = before;
    }

    String key() {
      return renewal.key;
    }

    /** For how long the answer may take if others are to follow in time. */
    long patienceMillis() {
      return Math.min(5_000, Math.max(20, renewal.leaseMillis / 3));
    }

    /** Which way the try before it went, if it is not answered. */
    @Nullable Object before() {
      return before;
    }

    void goes(Object way) {
      lane = way;
    }

    /** Returns what to send, or null if it need not be sent any more. */
    Renewable.@Nullable Request request() {
      return renewal.request(this);
    }

    void answered(@Nullable Object reply, long asked) {
      renewal.answered(reply, asked);
    }

    void failed(RuntimeException why) {
      renewal.failed(why);
    }
  }

  /** Asks for the first time after a third of the lease. */
  synchronized void begin() {
    long now = ticker.nanoTime();
    begin(now + Math.max(0, Math.min(leaseNanos(), end - now) / 3));
  }

  /** Asks for the first time at the given time. */
  synchronized void begin(long first) {
    due = first;
    schedule();
  }

  /**
   * Takes note that the owner has moved the end of the lease by other means.
   *
   * @param newEnd until when it is certain, on the same clock
   */
  public synchronized void endsAt(long newEnd) {
    if (ended) {
      return;
    }
    end = newEnd;
    long now = ticker.nanoTime();
    long soon = now + Math.max(0, (end - now) / 3);
    if (soon - due < 0) {
      due = soon;
    }
    schedule();
  }

  /** Renews no more, and tells the owner nothing more but what is under way. */
  public void end() {
    synchronized (this) {
      if (ended) {
        return;
      }
      finish();
    }
    ending.accept(this);
  }

  /** Sets the alarm to whatever comes first. */
  @GuardedBy("this")
  private void schedule() {
    if (alarm != null) {
      alarm.cancel();
    }
    alarm = alarms.at(due - end < 0 ? due : end, this::tick);
  }

  private void tick() {
    Try next = null;
    synchronized (this) {
      if (ended) {
        return;
      }
      long now = ticker.nanoTime();
      if (end - now <= 0) {
        finish();
      } else {
        if (due - now <= 0) {
          next = new Try(this, latest == null ? null : latest.lane);
          latest = next;
          due = now + pauseBeforeNextTry(now);
        }
        schedule();
      }
    }
    if (next != null) {
      sender.accept(next);
    } else if (isEnded()) {
      lease.over();
      ending.accept(this);
    }
  }

  private Renewable.@Nullable Request request(Try one) {
    synchronized (this) {
      if (ended || latest != one) {
        return null;
      }
    }
    Renewable.Request request = lease.request();
    if (request == null) {
      end();
    }
    return request;
  }

  private void answered(@Nullable Object reply, long asked) {
    Answer answer;
    try {
      answer = lease.answered(reply, asked);
    } catch (RuntimeException | Error e) {
      LOG.warn(e, "The owner of a lease did not understand the reply to its renewal");
      return;
    }
    switch (answer) {
      case RENEWED -> renewed(asked);
      case GONE -> end();
      case OVERTAKEN -> {
        // What overtook it has its own answer.
      }
    }
  }

  private synchronized void renewed(long asked) {
    long now = ticker.nanoTime();
    if (ended || end - now <= 0) {
      return; // The owner has been told, or is about to be.
    }
    latest = null;
    long certain = asked + Renewals.certainNanos(leaseMillis);
    if (certain - end > 0) {
      end = certain;
    }
    due = now + Math.max(SHORTEST_PAUSE_NANOS, Math.min(leaseNanos(), end - now) / 3);
    schedule();
  }

  private void failed(RuntimeException why) {
    if (isEnded()) {
      return;
    }
    try {
      lease.failed(why);
    } catch (RuntimeException | Error e) {
      LOG.warn(e, "The owner of a lease could not be told that its renewal failed");
    }
  }

  private synchronized boolean isEnded() {
    return ended;
  }

  @GuardedBy("this")
  private void finish() {
    ended = true;
    latest = null;
    if (alarm != null) {
      alarm.cancel();
    }
  }

  @GuardedBy("this")
  private long pauseBeforeNextTry(long now) {
    return Math.max(SHORTEST_PAUSE_NANOS, Math.min(leaseNanos() / 10, (end - now) / 3));
  }

  private long leaseNanos() {
    return TimeUnit.MILLISECONDS.toNanos(leaseMillis);
  }
}
