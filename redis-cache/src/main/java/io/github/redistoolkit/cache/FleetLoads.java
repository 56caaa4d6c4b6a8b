package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LoaderRuns.Loaded;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Reads through the cache with one load per key in the whole fleet.
 *
 * <p>A load is known by the lease that its JVM put under the key, and only whoever reads that lease
 * there joins it. Setting, deleting and holding the key replace the lease. So a caller who starts
 * after one of these returned reads something else, and the fill, which compares the lease, is
 * refused.
 */
final class FleetLoads<V> {

  private static final long LONGEST_PAUSE_MILLIS = 50;

  /** A load that is under way in this JVM, giving JSON. */
  private record Load(String lease, CompletableFuture<String> json) {}

  private final Entries<V> entries;
  private final LoaderRuns<V> runs;
  private final LocalLoads<V> localLoads;
  private final Renewals renewals;
  private final Lifetimes lifetimes;
  private final Counters counters;
  private final RedisFailures failures;

  private final String jvm = UUID.randomUUID().toString();
  private final AtomicLong tokens = new AtomicLong();

  /** By key: the claim that this JVM is making. */
  private final ConcurrentMap<String, CompletableFuture<Boolean>> claims =
      new ConcurrentHashMap<>();

  /** By lease: the load that this JVM is running. */
  private final ConcurrentMap<String, Load> loads = new ConcurrentHashMap<>();

  /** By lease: the wait of this JVM for another one's load. */
  private final ConcurrentMap<String, CompletableFuture<Boolean>> waits = new ConcurrentHashMap<>();

  FleetLoads(
      Entries<V> entries,
      Codec<V> codec,
      Renewals renewals,
      Lifetimes lifetimes,
      Counters counters) {
    this.entries = entries;
    this.runs = new LoaderRuns<>(codec, counters);
    this.localLoads = new LocalLoads<>(runs, counters);
    this.renewals = renewals;
    this.lifetimes = lifetimes;
    this.counters = counters;
    this.failures = new RedisFailures(counters);
  }

  @Nullable V get(String key, long ttlMillis, Loader<? extends V> loader) {
    runs.requireNotLoading(key);
    for (boolean first = true; ; first = false) {
      Content<V> content;
      Load claimed = null;
      try {
        content = entries.read(key);
        if (first) {
          counters.count(content);
        }
        if (content.isAbsence()) {
          claimed = claim(key, content.mark());
        }
      } catch (JedisException e) {
        failures.add(key, e);
        return localLoads.get(key, loader);
      }
      if (claimed != null) {
        return load(claimed, key, ttlMillis, loader);
      }
      switch (content.state()) {
        case VALUE -> {
          return content.value();
        }
        case HOLD -> {
          return localLoads.get(key, loader);
        }
        case LEASE -> {
          Load joinable = loads.get(content.mark());
          if (joinable != null) {
            return runs.join(joinable.json());
          }
          awaitEndOf(content.mark(), key);
        }
        case ABSENT, UNDECODABLE -> {
          // Another claim was first: look what it made of the key.
        }
      }
    }
  }

  /** Puts a lease under the key, one attempt per JVM at a time. Null if someone else was first. */
  private @Nullable Load claim(String key, String replaceableSha1) {
    CompletableFuture<Boolean> mine = new CompletableFuture<>();
    CompletableFuture<Boolean> other = claims.putIfAbsent(key, mine);
    if (other != null) {
      LoaderRuns.awaitEnd(other);
      return null;
    }
    try {
      String lease = Marker.LEASE + jvm + "-" + tokens.incrementAndGet();
      if (!entries.claim(key, lease, lifetimes.leaseMillis(), replaceableSha1)) {
        return null;
      }
      Load load = new Load(lease, new CompletableFuture<>());
      loads.put(lease, load);
      return load;
    } finally {
      claims.remove(key, mine);
      mine.complete(true);
    }
  }

  private @Nullable V load(Load load, String key, long ttlMillis, Loader<? extends V> loader) {
    try {
      Loaded<V> loaded = loadUnderLease(load.lease(), key, loader);
      store(load.lease(), key, ttlMillis, loaded);
      load.json().complete(loaded.json());
      return loaded.value();
    } catch (Throwable t) {
      LoaderRuns.fail(load.json(), t);
      throw t;
    } finally {
      loads.remove(load.lease());
    }
  }

  private Loaded<V> loadUnderLease(String lease, String key, Loader<? extends V> loader) {
    long leaseMillis = lifetimes.leaseMillis();
    Renewals.Renewal renewal =
        renewals.keep(key, leaseMillis, () -> entries.renew(key, lease, leaseMillis));
    try {
      return runs.run(key, loader);
    } catch (Throwable t) {
      release(lease, key);
      throw t;
    } finally {
      renewal.end();
    }
  }

  private void store(String lease, String key, long ttlMillis, Loaded<V> loaded) {
    if (loaded.value() == null && !lifetimes.storesNull()) {
      release(lease, key);
      return;
    }
    long fillMillis = lifetimes.fillMillis(ttlMillis, loaded.value());
    try {
      if (!entries.fill(key, lease, loaded.json(), fillMillis)) {
        counters.refusedFills.increment();
      }
    } catch (JedisException e) {
      failures.add(key, e);
    }
  }

  /** Lets the next caller load at once. If that fails the lease expires by itself. */
  private void release(String lease, String key) {
    try {
      entries.release(key, lease);
    } catch (JedisException e) {
      failures.add(key, e);
    }
  }

  /** Waits until the lease, most likely another JVM's, is no longer under the key. */
  private void awaitEndOf(String lease, String key) {
    CompletableFuture<Boolean> mine = new CompletableFuture<>();
    CompletableFuture<Boolean> other = waits.putIfAbsent(lease, mine);
    if (other != null) {
      LoaderRuns.awaitEnd(other);
      return;
    }
    try {
      long pauseMillis = 1;
      do {
        pause(pauseMillis);
        pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
        // This JVM's own load is entered a moment after its lease can be read.
      } while (!loads.containsKey(lease) && entries.read(key).mark().equals(lease));
    } catch (JedisException e) {
      failures.add(key, e); // Whoever waits reads for himself and sees whether it goes on.
    } finally {
      waits.remove(lease, mine);
      mine.complete(true);
    }
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CompletionException("interrupted while another JVM loads the key", e);
    }
  }
}
