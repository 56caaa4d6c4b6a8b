package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LeasedLoads.Load;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Reads one key through the cache with one load in the whole fleet.
 *
 * <p>Whoever finds another's lease under the key joins that load or waits for it; whoever finds
 * nothing claims it, and loads. So a caller who starts after the key was set, deleted or held never
 * joins a load that began before.
 */
final class FleetLoads<V> {

  private final Store<V> store;
  private final CoolDown coolDown;
  private final LoaderRuns<V> runs;
  private final LocalLoads<V> localLoads;
  private final LeasedLoads<V> loads;
  private final Waits<V> waits;
  private final Counters counters;
  private final RedisFailures failures;
  private final @Nullable Refreshes<V> refreshes;

  FleetLoads(
      Store<V> store,
      CoolDown coolDown,
      LoaderRuns<V> runs,
      LocalLoads<V> localLoads,
      LeasedLoads<V> loads,
      Waits<V> waits,
      Counters counters,
      RedisFailures failures,
      @Nullable Refreshes<V> refreshes) {
    this.store = store;
    this.coolDown = coolDown;
    this.runs = runs;
    this.localLoads = localLoads;
    this.loads = loads;
    this.waits = waits;
    this.counters = counters;
    this.failures = failures;
    this.refreshes = refreshes;
  }

  @Nullable V get(String key, long ttlMillis, Patience patience, Loader<? extends V> loader) {
    runs.requireNotLoading(key);
    for (boolean first = true; ; first = false) {
      Next<V> next = next(key, ttlMillis, patience, first);
      if (next instanceof Next.Hit<V> hit) {
        onHit(key, hit.found(), ttlMillis, loader);
        return hit.found().value();
      }
      if (next instanceof Next.Past<V> past) {
        counters.stale(key);
        return past.found().value();
      }
      if (next instanceof Next.Uncached) {
        return localLoads.get(key, loader, patience);
      }
      if (next instanceof Next.Mine<V> mine) {
        return loads.run(mine.load(), key, ttlMillis, loader);
      }
      if (next instanceof Next.Theirs<V> theirs) {
        String json = waits.join(theirs.load(), key, patience);
        if (json != null) {
          return runs.copy(json);
        }
      }
      if (next instanceof Next.Elsewhere<V> elsewhere) {
        Load taken = waits.awaitEndOf(elsewhere.lease(), key, ttlMillis, patience);
        if (taken != null) {
          return loads.run(taken, key, ttlMillis, loader);
        }
      }
    }
  }

  /** Refreshes what was found in the background if it ends soon and that is asked for. */
  void onHit(String key, Found.Value<V> hit, long ttlMillis, Loader<? extends V> loader) {
    if (refreshes != null) {
      refreshes.onHit(key, hit, ttlMillis, loader);
    }
  }

  /** Loads without Redis, which failed if there is a failure. */
  @Nullable V loadUncached(
      String key, @Nullable JedisException failure, Patience patience, Loader<? extends V> loader) {
    runs.requireNotLoading(key);
    if (failure != null) {
      spared(key, failure);
    }
    return localLoads.get(key, loader, patience);
  }

  /** Takes note of a failure that the caller is spared, unless it was an interrupt. */
  void spared(String key, JedisException failure) {
    RedisFailures.throwIfInterrupted(failure);
    failures.add(key, failure);
  }

  /** What a caller is to do, as Redis has it now. */
  Next<V> next(String key, long ttlMillis, Patience patience, boolean first) {
    try {
      Next<V> next = coolDown.ask(key, patience, () -> look(key, ttlMillis, patience, first));
      return next == null ? new Next.Uncached<>() : next;
    } catch (JedisException e) {
      spared(key, e);
      return new Next.Uncached<>();
    }
  }

  private Next<V> look(String key, long ttlMillis, Patience patience, boolean first) {
    Found<V> found = store.read(key);
    if (first) {
      counters.count(found);
    }
    if (found instanceof Found.Value<V> hit) {
      return new Next.Hit<>(hit);
    }
    if (found instanceof Found.Lease<V> lease) {
      return lookAt(lease, key, ttlMillis, patience);
    }
    LeasedLoads.Attempt claimed = loads.claim(key, ttlMillis, patience, found);
    if (claimed.load() != null) {
      return new Next.Mine<>(claimed.load());
    }
    if (claimed.isPaused() && found instanceof Found.Stale<V> stale) {
      return new Next.Past<>(stale);
    }
    // If it is not held, another claim was first: look what that made of the key.
    boolean held = found instanceof Found.Hold && !claimed.isPaused();
    return held ? new Next.Uncached<>() : new Next.Again<>();
  }

  private Next<V> lookAt(Found.Lease<V> found, String key, long ttlMillis, Patience patience) {
    Load joinable = loads.of(found);
    if (joinable != null) {
      return new Next.Theirs<>(joinable);
    }
    if (loads.isUntold(found)) {
      loads.tellOfFailures(Map.of(key, found.lease()));
      return new Next.Again<>();
    }
    if (loads.isDead(found) || found.isMalformed()) {
      Load claimed = loads.claim(key, ttlMillis, patience, found).load();
      return claimed == null ? new Next.Again<>() : new Next.Mine<>(claimed);
    }
    return new Next.Elsewhere<>(found);
  }
}
