package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** All subscriptions of one {@link RedisPubSub}, from the first to the end. Thread-safe. */
final class Subscriber implements Link.Hub {

  /** Time for the threads to end, where they can: no handshake can be cut short. */
  private static final long CLOSE_WAIT_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  /** How far this is. Only ever goes on. */
  private enum Life {
    OPEN,
    /** No more subscriptions; those that there are work off what has arrived. */
    DRAINING,
    CLOSED
  }

  private final Settings settings;
  private final Reports reports;
  private final Routes routes;
  private final Keeper keeper;
  private final KeyEvents keyEvents;
  private final Runnable onClosed;
  private final AtomicReference<Life> life = new AtomicReference<>(Life.OPEN);

  /** All whose counts may still change. */
  private final Set<Delivery<?>> deliveries = ConcurrentHashMap.newKeySet();

  private final ReentrantLock lock = new ReentrantLock();

  /** The counts of all others. */
  private PubSubStats ended = PubSubStats.NONE;

  private @Nullable Thread keeping;

  Subscriber(RedisAccess redis, Settings settings, Runnable onClosed) {
    this.settings = settings;
    this.onClosed = onClosed;
    this.reports = new Reports(settings.listener(), settings.executor(), settings.ticker());
    this.routes = new Routes(redis, settings, reports, this);
    this.keyEvents = new KeyEvents(redis, reports, settings);
    this.keeper = new Keeper(redis, routes, keyEvents, this::forgetEnded, settings);
  }

  Reports reports() {
    return reports;
  }

  KeyEvents keyEvents() {
    return keyEvents;
  }

  void requireNotClosed() {
    if (life.get() == Life.CLOSED) {
      throw new IllegalStateException("This RedisPubSub is closed");
    }
  }

  void requireOpen() {
    if (life.get() != Life.OPEN) {
      throw new IllegalStateException("This RedisPubSub is closed");
    }
  }

  boolean isConnected() {
    return life.get() != Life.CLOSED && routes.isConnected();
  }

  /** Makes what hands messages of these topics to a handler; to be given to {@link #subscribe}. */
  <T> Delivery<T> delivery(
      Topic.Kind kind,
      List<String> names,
      Delivery.Decoder<T> decoder,
      MessageHandler<? super T> handler) {
    return new Delivery<>(kind, names, decoder, handler, settings, reports, this::remove);
  }

  /**
   * Registers handlers and waits until Redis has confirmed all, or throws and has nothing left.
   *
   * @param reach where in a Cluster is to be listened
   */
  void subscribe(Collection<? extends Delivery<?>> wanted, Reach reach) {
    requireOpen();
    requireNoOwnThread();
    Delivery<?> inside = Delivery.current();
    if (inside != null) {
      inside.subscribingInside(1);
    }
    boolean done = false;
    try {
      startKeeping();
      List<CompletableFuture<@Nullable Void>> confirmations = new ArrayList<>();
      for (Delivery<?> delivery : wanted) {
        deliveries.add(delivery);
        confirmations.addAll(routes.add(delivery, reach));
      }
      await(wanted, confirmations);
      done = true;
    } finally {
      if (inside != null) {
        inside.subscribingInside(-1);
      }
      if (!done) {
        wanted.forEach(Delivery::close);
      }
    }
    if (life.get() == Life.CLOSED) { // meanwhile, perhaps without having seen these
      wanted.forEach(Delivery::close);
      requireOpen();
    }
  }

  private void requireNoOwnThread() {
    Thread caller = Thread.currentThread();
    if (routes.links().stream().anyMatch(link -> link.isOwnThread(caller))) {
      throw new IllegalStateException(
          "Cannot wait for a confirmation on the thread that reads it: subscribing in a handler or"
              + " listener takes an executor with threads of its own");
    }
  }

  /** Starts the keeper's thread; one that could not be started is made anew the next time. */
  private void startKeeping() {
    lock.lock();
    try {
      if (keeping == null) {
        Thread started = Threads.daemon("keeper", keeper);
        started.start();
        keeping = started;
      }
    } finally {
      lock.unlock();
    }
  }

  private void await(
      Collection<? extends Delivery<?>> wanted,
      List<CompletableFuture<@Nullable Void>> confirmations) {
    Duration timeout = settings.maxWait();
    long deadline = settings.ticker().nanoTime() + timeout.toNanos();
    try {
      for (CompletableFuture<@Nullable Void> each : confirmations) {
        each.get(Math.max(0, deadline - settings.ticker().nanoTime()), TimeUnit.NANOSECONDS);
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : new JedisException(e);
    } catch (TimeoutException e) {
      throw new JedisConnectionException(
          "Redis did not confirm the subscription to " + named(wanted) + " within " + timeout,
          routes.lastFailure());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JedisException("Interrupted while subscribing to " + named(wanted), e);
    }
  }

  private static String named(Collection<? extends Delivery<?>> wanted) {
    String first = EventLog.escape(wanted.iterator().next().topic());
    return wanted.size() == 1 ? first : first + " and " + (wanted.size() - 1) + " more";
  }

  /** Forgets a handler that was closed. */
  private void remove(Delivery<?> delivery) {
    routes.remove(delivery);
    keyEvents.forget(delivery);
    forgetIfEnded(delivery);
  }

  private void forgetEnded() {
    deliveries.forEach(this::forgetIfEnded);
  }

  /** Keeps only the counts of what is closed and no longer handles anything. */
  private void forgetIfEnded(Delivery<?> delivery) {
    lock.lock();
    try {
      PubSubStats last = delivery.stats();
      if (!delivery.isActive() && last.queued() == 0 && deliveries.remove(delivery)) {
        ended = ended.plus(last);
      }
    } finally {
      lock.unlock();
    }
  }

  PubSubStats stats() {
    lock.lock();
    try {
      PubSubStats sum = ended;
      for (Delivery<?> delivery : deliveries) {
        sum = sum.plus(delivery.stats());
      }
      return sum;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void misplaced() {
    keeper.call();
  }

  @Override
  public void outdated() {
    keeper.call();
  }

  /** Lets all that has arrived be handled, within a time, and closes. */
  boolean close(Duration maxWait) {
    long deadline = settings.ticker().nanoTime() + maxWait.toNanos();
    boolean unused = life.compareAndSet(Life.OPEN, Life.DRAINING);
    deliveries.forEach(Delivery::drain);
    boolean all = true;
    for (Delivery<?> delivery : deliveries) {
      all &= delivery.awaitIdle(deadline - settings.ticker().nanoTime());
    }
    close();
    return all;
  }

  /** Ends everything; waits, within bounds, for the threads unless it is called on one of them. */
  @Override
  public void close() {
    if (life.getAndSet(Life.CLOSED) == Life.CLOSED) {
      return;
    }
    deliveries.forEach(Delivery::end);
    List<Thread> threads = new ArrayList<>();
    keeper.close();
    lock.lock();
    try {
      if (keeping != null) {
        keeping.interrupt(); // it may be waiting for a connection of the pool
        threads.add(keeping);
      }
    } finally {
      lock.unlock();
    }
    routes.close();
    routes.links().forEach(link -> threads.addAll(link.threads()));
    onClosed.run();
    Threads.awaitEnd(threads, CLOSE_WAIT_NANOS);
  }
}
