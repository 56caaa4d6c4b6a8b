package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LeasedLoads.Load;
import io.github.redistoolkit.cache.LoaderRuns.Loaded;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/** Reads many keys, and loads with one call what nobody else is loading. */
final class BulkLoads<V> {

  private final Store<V> store;
  private final CoolDown coolDown;
  private final LoaderRuns<V> runs;
  private final LeasedLoads<V> loads;
  private final Waits<V> waits;
  private final Counters counters;
  private final RedisFailures failures;

  BulkLoads(
      Store<V> store,
      CoolDown coolDown,
      LoaderRuns<V> runs,
      LeasedLoads<V> loads,
      Waits<V> waits,
      Counters counters,
      RedisFailures failures) {
    this.store = store;
    this.coolDown = coolDown;
    this.runs = runs;
    this.loads = loads;
    this.waits = waits;
    this.counters = counters;
    this.failures = failures;
  }

  /** What a look at many keys found for the caller to do. */
  private record Round<V>(
      Map<String, V> hits,
      Map<String, Load> mine,
      List<String> uncached,
      Map<String, Next<V>> others) {

    Round() {
      this(new HashMap<>(), new LinkedHashMap<>(), new ArrayList<>(), new LinkedHashMap<>());
    }
  }

  /** The values that there are; the keys are distinct. */
  Map<String, V> getAll(
      List<String> keys, long ttlMillis, Patience patience, BulkLoader<? extends V> loader) {
    keys.forEach(runs::requireNotLoading);
    Map<String, V> values = new HashMap<>();
    List<String> rest = keys;
    for (boolean first = true; !rest.isEmpty(); first = false) {
      Round<V> round = round(rest, ttlMillis, patience, first);
      values.putAll(round.hits());
      values.putAll(loadAll(round, ttlMillis, loader));
      // Only now: whoever waits holds no lease that others wait for.
      rest = new ArrayList<>();
      for (Map.Entry<String, Next<V>> other : round.others().entrySet()) {
        V value = await(other.getValue(), other.getKey(), ttlMillis, patience, loader);
        if (value != null) {
          values.put(other.getKey(), value);
        } else {
          rest.add(other.getKey());
        }
      }
    }
    return values;
  }

  private Round<V> round(List<String> keys, long ttlMillis, Patience patience, boolean first) {
    Round<V> round = null;
    try {
      round = coolDown.askAll(keys, patience, open -> lookAtAll(keys, open, ttlMillis, first));
    } catch (JedisException e) {
      RedisFailures.throwIfInterrupted(e);
      failures.add(keys.get(0), e);
    }
    if (round == null) {
      round = new Round<>();
      round.uncached().addAll(keys);
    }
    return round;
  }

  /** Looks at those keys whose nodes are to be asked. */
  private Round<V> lookAtAll(List<String> keys, List<String> open, long ttlMillis, boolean first) {
    Round<V> round = new Round<>();
    if (open.size() < keys.size()) {
      Set<String> closed = new LinkedHashSet<>(keys);
      open.forEach(closed::remove);
      round.uncached().addAll(closed);
    }
    Map<String, Found<V>> free = new LinkedHashMap<>();
    Map<String, String> untold = new LinkedHashMap<>();
    store
        .readAll(open)
        .forEach(
            (key, found) -> {
              if (first) {
                counters.count(found);
              }
              if (found instanceof Found.Lease<V> lease && loads.isUntold(lease)) {
                untold.put(key, lease.lease());
                round.others().put(key, new Next.Again<>());
              } else if (!isOthers(key, found, round)) {
                free.put(key, found);
              }
            });
    loads.tellOfFailures(untold);
    loads.claimAll(free, ttlMillis, sorter(free, round));
    return round;
  }

  /** Whether there is nothing to be claimed: a value, or a load of others. */
  private boolean isOthers(String key, Found<V> found, Round<V> round) {
    if (found instanceof Found.Value<V> hit) {
      hit(key, hit.value(), round);
      return true;
    }
    if (!(found instanceof Found.Lease<V> lease) || lease.isMalformed() || loads.isDead(lease)) {
      return false;
    }
    Load joinable = loads.of(lease);
    round
        .others()
        .put(key, joinable == null ? new Next.Elsewhere<>(lease) : new Next.Theirs<>(joinable));
    return true;
  }

  private static <V> void hit(String key, @Nullable V value, Round<V> round) {
    if (value != null) {
      round.hits().put(key, value);
    }
  }

  private LeasedLoads.Sorter sorter(Map<String, Found<V>> free, Round<V> round) {
    return new LeasedLoads.Sorter() {
      @Override
      public void mine(String key, Load load) {
        round.mine().put(key, load);
      }

      @Override
      public void refused(String key, boolean paused) {
        Found<V> found = free.get(key);
        if (paused && found instanceof Found.Stale<V> stale) {
          counters.stale(key);
          hit(key, stale.value(), round);
        } else if (found instanceof Found.Hold && !paused) {
          round.uncached().add(key);
        } else {
          round.others().put(key, new Next.Again<>());
        }
      }

      @Override
      public void failed(String key) {
        round.uncached().add(key);
      }
    };
  }

  private Map<String, V> loadAll(Round<V> round, long ttlMillis, BulkLoader<? extends V> loader) {
    List<String> keys = new ArrayList<>(round.mine().keySet());
    keys.addAll(round.uncached());
    Map<String, V> values = new HashMap<>();
    if (keys.isEmpty()) {
      return values;
    }
    counters.uncachedLoads.add(round.uncached().size());
    Map<String, Loaded<V>> loaded = loads.runAll(round.mine(), keys, ttlMillis, loader);
    loaded.forEach(
        (key, one) -> {
          V value = one.value();
          if (value != null) {
            values.put(key, value);
          }
        });
    return values;
  }

  /** What another caller's load gave; null if the key is to be looked at again. */
  private @Nullable V await(
      Next<V> other,
      String key,
      long ttlMillis,
      Patience patience,
      BulkLoader<? extends V> loader) {
    if (other instanceof Next.Theirs<V> theirs) {
      String json = waits.join(theirs.load(), key, patience);
      return json == null ? null : runs.copy(json);
    }
    if (other instanceof Next.Elsewhere<V> elsewhere) {
      Load taken = waits.awaitEndOf(elsewhere.lease(), key, ttlMillis, patience);
      if (taken != null) {
        return loads.run(taken, key, ttlMillis, () -> loader.load(Set.of(key)).get(key));
      }
    }
    return null;
  }
}
