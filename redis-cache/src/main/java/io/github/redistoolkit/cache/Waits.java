package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LeasedLoads.Load;
import io.github.redistoolkit.core.Ticker;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/** Waits for the loads of others: of this JVM until they end, of other JVMs by looking at Redis. */
final class Waits<V> {

  private static final long LONGEST_PAUSE_MILLIS = 50;

  private final Store<V> store;
  private final CoolDown coolDown;
  private final LeasedLoads<V> loads;
  private final Lifetimes lifetimes;
  private final Counters counters;
  private final RedisFailures failures;
  private final Ticker ticker;

  /** By lease: the wait of this JVM for another one's load. */
  private final SingleFlight polls = new SingleFlight();

  Waits(
      Store<V> store,
      CoolDown coolDown,
      LeasedLoads<V> loads,
      Lifetimes lifetimes,
      Counters counters,
      RedisFailures failures,
      Ticker ticker) {
    this.store = store;
    this.coolDown = coolDown;
    this.loads = loads;
    this.lifetimes = lifetimes;
    this.counters = counters;
    this.failures = failures;
    this.ticker = ticker;
  }

  /** Waits for a load of this JVM, and returns its JSON; null if the key is to be looked at. */
  @Nullable String join(Load load, String key, Patience patience) {
    long start = ticker.nanoTime();
    try {
      return LoaderRuns.await(load.json(), key, load::thread, patience);
    } finally {
      waited(start);
    }
  }

  /**
   * Waits until the lease, most likely another JVM's, is gone. If it ends, takes the load over: one
   * caller gets that, the others null.
   */
  @Nullable Load awaitEndOf(Found.Lease<V> lease, String key, long ttlMillis, Patience patience) {
    long start = ticker.nanoTime();
    try {
      return polls.first(
          lease.lease(), patience, () -> poll(watch(lease, key, ttlMillis, patience)));
    } finally {
      waited(start);
    }
  }

  private @Nullable Load poll(Watch watch) {
    while (true) {
      pause(watch.nextPauseMillis(), watch.key, watch.patience);
      Next<V> next = watch.look();
      if (next != null) {
        return next instanceof Next.Mine<V> mine ? mine.load() : null;
      }
    }
  }

  /** Joins the wait of another caller for a lease; null if there is none, and then begins one. */
  @Nullable CompletableFuture<Boolean> join(Found.Lease<V> lease, CompletableFuture<Boolean> mine) {
    return polls.join(lease.lease(), mine);
  }

  /** Ends the wait of all who joined one. */
  void land(Found.Lease<V> lease, CompletableFuture<Boolean> mine) {
    polls.land(lease.lease(), mine);
  }

  /** Counts a wait that has ended. */
  void waited(long start) {
    counters.waits.increment();
    counters.waitNanos.add(ticker.nanoTime() - start);
  }

  Watch watch(Found.Lease<V> lease, String key, long ttlMillis, Patience patience) {
    return new Watch(lease, key, ttlMillis, patience);
  }

  /** The looks at one lease. For one caller at a time. */
  final class Watch {

    private final Found.Lease<V> lease;
    private final String key;
    private final long ttlMillis;
    private final Patience patience;
    private String mark;
    private long renewedAt = ticker.nanoTime();
    private long pauseMillis = 1;

    private Watch(Found.Lease<V> lease, String key, long ttlMillis, Patience patience) {
      this.lease = lease;
      this.key = key;
      this.ttlMillis = ttlMillis;
      this.patience = patience;
      this.mark = lease.mark();
    }

    /** How long to wait for the next look. */
    long nextPauseMillis() {
      long next = pauseMillis;
      pauseMillis = Math.min(2 * next, LONGEST_PAUSE_MILLIS);
      return next;
    }

    /** Returns what to do next; null to look again. */
    @Nullable Next<V> look() {
      try {
        Found.Lease<V> still = coolDown.askNow(key, () -> store.reread(key, lease));
        if (still == null) {
          return new Next.Again<>();
        }
        if (!still.mark().equals(mark)) {
          mark = still.mark();
          renewedAt = ticker.nanoTime();
        } else if (isUnrenewed()) {
          return coolDown.askNow(key, this::takeOver);
        }
        return null;
      } catch (JedisException e) {
        RedisFailures.throwIfInterrupted(e);
        failures.add(key, e); // Whoever waits looks for himself and sees whether it goes on.
        return new Next.Again<>();
      }
    }

    private boolean isUnrenewed() {
      long half = TimeUnit.MILLISECONDS.toNanos(lifetimes.leaseMillis() / 2);
      return ticker.nanoTime() - renewedAt >= half;
    }

    /** Claims what has ended by Redis's time, which this JVM cannot know. */
    private @Nullable Next<V> takeOver() {
      LeasedLoads.Attempt made = loads.claim(key, ttlMillis, patience, new Found.Absent<>());
      if (made.load() != null) {
        return new Next.Mine<>(made.load());
      }
      return made.isPaused() ? new Next.Again<>() : null;
    }
  }

  private static void pause(long millis, String key, Patience patience) {
    long nanos = TimeUnit.MILLISECONDS.toNanos(millis);
    try {
      TimeUnit.NANOSECONDS.sleep(Math.min(nanos, patience.requireNanosLeft(key)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CompletionException("interrupted while another JVM loads the key", e);
    }
  }
}
