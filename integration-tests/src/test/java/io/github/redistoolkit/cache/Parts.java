package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.RedisStore.Reading;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.TestTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What loads in a cache are made of, by a clock of the test and with nothing in the background. */
final class Parts {

  final TestTime time = new TestTime();
  final Counters counters = new Counters(new CacheListener() {});
  final Names names;
  final CoolDown coolDown;
  final Store<Integer> store;
  final LeasedLoads<Integer> leased;
  private final FleetLoads<Integer> fleet;
  private final BulkLoads<Integer> bulk;
  private final Duration ttl;

  /**
   * Makes them.
   *
   * @param stale for how long entries are kept past their time; zero if they are not
   */
  Parts(RedisAccess redis, String prefix, Duration lease, Duration ttl, Duration stale) {
    this.ttl = ttl;
    names = new Names(prefix, Names.Writing.VERBATIM, 1024);
    coolDown = new CoolDown(redis, names, counters, time);
    Codec<Integer> codec = new Codec<>(Json.standard(), TypeToken.get(Integer.class));
    Reading reading = stale.isZero() ? Reading.VALUE_ALONE : Reading.WITH_LIFE;
    store = new NearStore<>(redis, names, codec, null, counters, reading, stale.toMillis());
    Lifetimes lifetimes = new Lifetimes(lease.toMillis(), 0, 0, stale.toMillis());
    LoaderRuns<Integer> runs = new LoaderRuns<>(codec, counters, time);
    RedisFailures failures = new RedisFailures(counters);
    Leases none = new Leases(redis, time.alarms());
    none.close();
    leased = new LeasedLoads<>(store, coolDown, runs, none, lifetimes, counters, failures);
    Waits<Integer> waits =
        new Waits<>(store, coolDown, leased, lifetimes, counters, failures, time);
    LocalLoads<Integer> local = new LocalLoads<>(runs, counters);
    fleet = new FleetLoads<>(store, coolDown, runs, local, leased, waits, counters, failures, null);
    bulk = new BulkLoads<>(store, coolDown, runs, leased, waits, counters, failures);
  }

  Patience patience() {
    return Patience.of(Duration.ofHours(1), time);
  }

  Integer load(String key, Loader<Integer> loader) {
    return fleet.get(key, ttl.toMillis(), patience(), loader);
  }

  Map<String, Integer> loadAll(List<String> keys, BulkLoader<Integer> loader) {
    return bulk.getAll(keys, ttl.toMillis(), patience(), loader);
  }
}
