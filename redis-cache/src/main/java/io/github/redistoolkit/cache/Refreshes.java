package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Loads entries again before they end, in the background, by one JVM of the fleet, while all read
 * on.
 */
final class Refreshes<V> {

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  private static final int MOST_REMEMBERED = 10_000;

  /**
   * How entries are refreshed.
   *
   * @param share of the life of an entry, in the last part of which a hit refreshes it
   * @param executor who loads
   */
  record Early(double share, Executor executor) {

    long thresholdMillis(long ttlMillis) {
      return (long) (share * ttlMillis);
    }
  }

  private final Early early;
  private final Store<V> store;
  private final CoolDown coolDown;
  private final LoaderRuns<V> runs;
  private final Leases leases;
  private final Lifetimes lifetimes;
  private final Counters counters;
  private final RedisFailures failures;

  /** The keys that this JVM refreshes. */
  private final Set<String> running = ConcurrentHashMap.newKeySet();

  /** By key: when an entry that somebody refreshes, or failed to, may be looked at again. */
  private final ConcurrentMap<String, Long> nextTries = new ConcurrentHashMap<>();

  Refreshes(
      Early early,
      Store<V> store,
      CoolDown coolDown,
      LoaderRuns<V> runs,
      Leases leases,
      Lifetimes lifetimes,
      Counters counters,
      RedisFailures failures) {
    this.early = early;
    this.store = store;
    this.coolDown = coolDown;
    this.runs = runs;
    this.leases = leases;
    this.lifetimes = lifetimes;
    this.counters = counters;
    this.failures = failures;
  }

  /** Refreshes an entry in the background if it ends soon and nobody is known to refresh it. */
  void onHit(String key, Found.Value<V> hit, long ttlMillis, Loader<? extends V> loader) {
    if (hit.lifeMillis() > early.thresholdMillis(ttlMillis) || !isDue(key, hit)) {
      return;
    }
    if (running.size() > MOST_REMEMBERED || !running.add(key)) {
      return;
    }
    try {
      early
          .executor()
          .execute(
              () -> {
                try {
                  refresh(key, ttlMillis, loader);
                } finally {
                  running.remove(key);
                }
              });
    } catch (RejectedExecutionException e) {
      running.remove(key); // Busy or closed: a later hit tries again.
    } catch (RuntimeException | Error e) {
      running.remove(key);
      throw e;
    }
  }

  private boolean isDue(String key, Found.Value<V> hit) {
    long now = runs.now();
    Long next = nextTries.get(key);
    if (next != null && now - next < 0) {
      return false;
    }
    if (next == null && hit.isRefreshing()) {
      remember(key, now);
      return false;
    }
    return true;
  }

  private void remember(String key, long now) {
    if (nextTries.size() > MOST_REMEMBERED) {
      nextTries.clear();
    }
    nextTries.put(key, now + TimeUnit.MILLISECONDS.toNanos(lifetimes.leaseMillis()));
  }

  private void refresh(String key, long ttlMillis, Loader<? extends V> loader) {
    String token = RefreshMark.newToken();
    long asked = runs.now();
    remember(key, asked);
    Leases.Kept kept = null;
    try {
      long lease = lifetimes.leaseMillis();
      Boolean mine =
          coolDown.askNow(
              key, () -> store.beginRefresh(key, token, lease, early.thresholdMillis(ttlMillis)));
      if (mine == null || !mine) {
        return;
      }
      kept =
          leases.keep(
              "The refresh of key " + key,
              store.refreshRenewal(key, token, lease),
              lease,
              asked,
              () -> {}); // Whoever has replaced the value refuses what is loaded.
      LoaderRuns.Loaded<V> loaded = runs.run(key, loader);
      counters.earlyLoads.increment();
      store(key, token, ttlMillis, loaded);
      nextTries.remove(key);
    } catch (JedisException e) {
      failures.add(key, e);
    } catch (RuntimeException e) {
      LOG.debug(e, "Key {} was not refreshed; its entry lives on until it ends", key);
    } finally {
      if (kept != null) {
        kept.end();
      }
    }
  }

  /** A row that is gone takes its entry with it. */
  private void store(String key, String token, long ttlMillis, LoaderRuns.Loaded<V> loaded) {
    boolean kept = loaded.value() != null || lifetimes.storesNull();
    String json = kept ? loaded.json() : "";
    long life = kept ? lifetimes.fillMillis(ttlMillis, loaded.value()) : 1;
    Boolean stored = coolDown.askNow(key, () -> store.endRefresh(key, token, json, life));
    if (stored != null && !stored) {
      counters.refusedFills.increment();
    }
  }
}
