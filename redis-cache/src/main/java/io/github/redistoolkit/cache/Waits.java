package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LeasedLoads.Load;
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

  /** By lease: the wait of this JVM for another one's load. */
  private final SingleFlight polls = new SingleFlight();

  Waits(
      Store<V> store,
      CoolDown coolDown,
      LeasedLoads<V> loads,
      Lifetimes lifetimes,
      Counters counters,
      RedisFailures failures) {
    this.store = store;
    this.coolDown = coolDown;
    this.loads = loads;
    this.lifetimes = lifetimes;
    this.counters = counters;
    this.failures = failures;
  }

  /** Waits for a load of this JVM, and returns its JSON; null if the key is to be looked at. */
  @Nullable String join(Load load, String key, Patience patience) {
    long start = System.nanoTime();
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
    long start = System.nanoTime();
    try {
      return polls.first(lease.lease(), patience, () -> poll(lease, key, ttlMillis, patience));
    } finally {
      waited(start);
    }
  }

  private void waited(long start) {
    counters.waits.increment();
    counters.waitNanos.add(System.nanoTime() - start);
  }

  private @Nullable Load poll(Found.Lease<V> lease, String key, long ttlMillis, Patience patience) {
    long unrenewed = TimeUnit.MILLISECONDS.toNanos(lifetimes.leaseMillis() / 2);
    long renewedAt = System.nanoTime();
    String mark = lease.mark();
    long pauseMillis = 1;
    try {
      while (true) {
        pause(pauseMillis, key, patience);
        pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
        Found<V> found = coolDown.askNow(key, () -> store.read(key));
        if (!(found instanceof Found.Lease<V> still) || !still.lease().equals(lease.lease())) {
          return null;
        }
        if (!still.mark().equals(mark)) {
          mark = still.mark();
          renewedAt = System.nanoTime();
        } else if (System.nanoTime() - renewedAt >= unrenewed) {
          Load taken = coolDown.askNow(key, () -> takeOver(key, ttlMillis, patience));
          if (taken != null) {
            return taken;
          }
        }
      }
    } catch (JedisException e) {
      RedisFailures.throwIfInterrupted(e);
      failures.add(key, e); // Whoever waits looks for himself and sees whether it goes on.
      return null;
    }
  }

  /** Claims what has ended by Redis's time, which this JVM cannot know. */
  private @Nullable Load takeOver(String key, long ttlMillis, Patience patience) {
    return loads.claim(key, ttlMillis, patience, new Found.Absent<>()).load();
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
