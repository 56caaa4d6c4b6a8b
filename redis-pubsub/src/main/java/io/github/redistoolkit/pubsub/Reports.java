package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.SerialTask;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Tells the listener, never on a thread that reads or writes, and in order where order matters.
 *
 * <p>Bounded, should the executor not run them: at most one report of drops per subscription, one
 * of failures to connect per link, and where connections are lost and come back again and again, a
 * few of these and then one for all. Thread-safe.
 */
final class Reports implements SerialTask.Work {

  /** Where is said what no listener is to be told. */
  final EventLog log = EventLog.of(RedisPubSub.class);

  /** From so many on, a loss right after a return is one with the loss before it. */
  static final int MANY = 32;

  private sealed interface Report {}

  private record Lost(Object link, List<Delivery<?>> deliveries, Throwable cause)
      implements Report {}

  private record Back(Object link, List<Delivery<?>> deliveries, long sinceNanos, long untilNanos)
      implements Report {

    /** The same with what was lost before and is lost again. */
    Back after(Back earlier) {
      Set<Delivery<?>> all = new LinkedHashSet<>(earlier.deliveries);
      all.addAll(deliveries);
      return new Back(link, List.copyOf(all), earlier.sinceNanos, untilNanos);
    }
  }

  private record ConnectFailed(Object link, Throwable cause) implements Report {}

  private record Refused(Delivery<?> delivery, Exception error) implements Report {}

  private record Dropped(Delivery<?> delivery) implements Report {}

  private final PubSubListener listener;
  private final SerialTask task;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Report> queue = new ArrayDeque<>();

  /** Returns that were not told before the next loss, by link. */
  private final Map<Object, Back> untold = new HashMap<>();

  Reports(PubSubListener listener, Executor executor, Ticker ticker) {
    this.listener = listener;
    this.task = new SerialTask(executor, this, log, ticker);
  }

  void disconnected(Object link, List<Delivery<?>> deliveries, Throwable cause) {
    lock.lock();
    try {
      Back last = queue.size() < MANY ? null : takeLast(Back.class, link);
      if (last == null) {
        queue.add(new Lost(link, deliveries, cause));
      } else {
        untold.merge(link, last, (earlier, later) -> later.after(earlier));
      }
    } finally {
      lock.unlock();
    }
  }

  void reconnected(Object link, List<Delivery<?>> deliveries, long sinceNanos, long nowNanos) {
    lock.lock();
    try {
      Back back = new Back(link, deliveries, sinceNanos, nowNanos);
      Back earlier = untold.remove(link);
      queue.add(earlier == null ? back : back.after(earlier));
    } finally {
      lock.unlock();
    }
    deliveries.forEach(Delivery::countReconnect);
  }

  void connectFailed(Object link, Throwable cause) {
    lock.lock();
    try {
      ConnectFailed unused = takeLast(ConnectFailed.class, link);
      queue.add(new ConnectFailed(link, cause));
    } finally {
      lock.unlock();
    }
  }

  /** Takes back the last report of a kind about a link, if it is still to be told. */
  private <R extends Report> @Nullable R takeLast(Class<R> kind, Object link) {
    Iterator<Report> newestFirst = queue.descendingIterator();
    while (newestFirst.hasNext()) {
      Report each = newestFirst.next();
      boolean same =
          (each instanceof Lost lost && lost.link == link)
              || (each instanceof Back back && back.link == link)
              || (each instanceof ConnectFailed failed && failed.link == link);
      if (same && kind.isInstance(each)) {
        newestFirst.remove();
        return kind.cast(each);
      }
      if (same && !(each instanceof ConnectFailed)) {
        return null;
      }
    }
    return null;
  }

  void refused(Delivery<?> delivery, Exception error) {
    add(new Refused(delivery, error));
  }

  void dropped(Delivery<?> delivery) {
    add(new Dropped(delivery));
    wake();
  }

  private void add(Report report) {
    lock.lock();
    try {
      queue.add(report);
    } finally {
      lock.unlock();
    }
  }

  /** To be called on the executor already. */
  void undecodable(Subscription subscription, String channel, byte[] payload, Throwable error) {
    guarded(() -> listener.onUndecodable(subscription, channel, payload.clone(), error));
  }

  /** To be called on the executor already. */
  void failed(Subscription subscription, String channel, byte[] payload, Throwable error) {
    guarded(() -> listener.onError(subscription, channel, payload.clone(), error));
  }

  /** Has the executor make the calls that were queued. Not to be called under a lock. */
  void wake() {
    task.wake();
  }

  /** Once a second: goes on with what the executor refused or lost before. */
  void tick() {
    task.revive();
    log.tick();
    LoggingListener.tick(listener);
  }

  @Override
  public boolean doNext() {
    Report report;
    lock.lock();
    try {
      report = queue.poll();
    } finally {
      lock.unlock();
    }
    if (report == null) {
      return false;
    }
    guarded(() -> tell(report));
    return true;
  }

  @Override
  public boolean isEmpty() {
    lock.lock();
    try {
      return queue.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  private void tell(Report report) {
    if (report instanceof Lost lost) {
      listener.onDisconnected(List.copyOf(lost.deliveries), lost.cause);
    } else if (report instanceof Back back) {
      List<Subscription> open = open(back.deliveries);
      if (!open.isEmpty()) {
        listener.onReconnected(open, Duration.ofNanos(back.untilNanos - back.sinceNanos));
      }
    } else if (report instanceof ConnectFailed failed) {
      listener.onConnectFailed(failed.cause);
    } else if (report instanceof Refused refused) {
      listener.onRefused(refused.delivery, refused.error);
    } else if (report instanceof Dropped dropped) {
      long count = dropped.delivery.takeDrops();
      if (count > 0) {
        listener.onDropped(dropped.delivery, count);
      }
    }
  }

  private static List<Subscription> open(List<Delivery<?>> deliveries) {
    return deliveries.stream().filter(Delivery::isActive).map(Subscription.class::cast).toList();
  }

  private void guarded(Runnable report) {
    try {
      report.run();
    } catch (Throwable t) {
      log.warn(t, "The listener threw");
    }
  }
}
