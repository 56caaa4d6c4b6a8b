package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Does what takes the pool or client, and so may block, on a thread of its own: publishes probes,
 * asks a Cluster which node has what, changes to connections with new credentials, and looks
 * whether key events are still enabled.
 */
final class Keeper implements Runnable {

  /** How soon it looks again at most if it is called. */
  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final RedisAccess redis;
  private final Routes routes;
  private final KeyEvents keyEvents;
  private final Runnable tidy;
  private final Settings settings;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean called;
  private boolean closed;

  Keeper(RedisAccess redis, Routes routes, KeyEvents keyEvents, Runnable tidy, Settings settings) {
    this.redis = redis;
    this.routes = routes;
    this.keyEvents = keyEvents;
    this.tidy = tidy;
    this.settings = settings;
  }

  /** Has it look as soon as it may. */
  void call() {
    lock.lock();
    try {
      called = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void run() {
    Duration period = Probe.period(settings.heartbeat());
    while (pause(SHORTEST_PAUSE_NANOS, false)
        && pause(period.toNanos() - SHORTEST_PAUSE_NANOS, true)) {
      try {
        look();
      } catch (JedisException e) {
        // Whoever uses the pool meets the same; here it only means that nothing new is known.
      } catch (Throwable t) {
        warn(t);
      }
    }
  }

  /** Waits for a time, or less if it is called; returns false if closed. */
  private boolean pause(long nanos, boolean untilCalled) {
    lock.lock();
    try {
      long left = nanos;
      while (!closed && left > 0 && !(untilCalled && called)) {
        left = changed.awaitNanos(left);
      }
      if (untilCalled) {
        called = false;
      }
      return !closed;
    } catch (InterruptedException e) {
      return !closed; // closing interrupts it, and nobody else has a reason to
    } finally {
      lock.unlock();
    }
  }

  /** What fails for one link is no business of the others. */
  private void changeConnection(Link link) {
    try {
      link.changeConnectionIfOutdated();
    } catch (RuntimeException | Error e) {
      warn(e);
    }
  }

  private void warn(Throwable failure) {
    routes
        .any()
        .log()
        .warn(failure, "Failed to look after the subscriptions; trying again in a moment");
  }

  private void look() {
    if (redis.isClosed()) {
      return;
    }
    tidy.run();
    routes.links().forEach(this::changeConnection);
    routes.any().probe();
    if (routes.dependsOnNodes()) {
      long now = settings.ticker().nanoTime();
      redis.refresh();
      routes.rearrange(now);
    }
    keyEvents.lookAgain();
  }
}
