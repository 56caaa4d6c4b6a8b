package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LoaderRuns.Loaded;
import io.github.redistoolkit.cache.Store.Claim;
import io.github.redistoolkit.cache.Store.Claimed;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Outcome;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The loads of this JVM, each under a lease in Redis: from the claim to the fill.
 *
 * <p>A load is known by its lease, and only whoever reads that under the key joins it. Setting,
 * deleting and holding the key replace the lease, and then the fill is refused.
 */
final class LeasedLoads<V> {

  /**
   * A load that is under way in this JVM, giving JSON; null if its lease was not to be had.
   *
   * @param leader the thread that loads; null once no thread does, as the load ends by itself
   */
  record Load(
      Claim claim,
      long asked,
      AtomicReference<@Nullable Thread> leader,
      CompletableFuture<@Nullable String> json) {

    String lease() {
      return claim.lease();
    }

    /** Who will end it, if that is a thread. */
    @Nullable Thread thread() {
      return leader.get();
    }

    /** The thread that has begun it moves on, and may wait for it as any other. */
    void endsByItself() {
      leader.set(null);
    }
  }

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  private static final int MOST_REMEMBERED = 10_000;

  private final Store<V> store;
  private final CoolDown coolDown;
  private final LoaderRuns<V> runs;
  private final Leases leases;
  private final Lifetimes lifetimes;
  private final Counters counters;
  private final RedisFailures failures;

  private final String ours = Found.LEASE + UUID.randomUUID() + "-";
  private final AtomicLong tokens = new AtomicLong();

  /** By key: the claim that this JVM is making. */
  private final SingleFlight claims = new SingleFlight();

  /** By lease: the load that this JVM is running. A lease of ours that is not here is dead. */
  private final ConcurrentMap<String, Load> loads = new ConcurrentHashMap<>();

  /**
   * By lease of a load that failed, of which Redis could not be told: until when nobody is to load,
   * if there is an entry past its time.
   */
  private final ConcurrentMap<String, Long> untold = new ConcurrentHashMap<>();

  LeasedLoads(
      Store<V> store,
      CoolDown coolDown,
      LoaderRuns<V> runs,
      Leases leases,
      Lifetimes lifetimes,
      Counters counters,
      RedisFailures failures) {
    this.store = store;
    this.coolDown = coolDown;
    this.runs = runs;
    this.leases = leases;
    this.lifetimes = lifetimes;
    this.counters = counters;
    this.failures = failures;
  }

  /** The load of this JVM that has the lease, if it is under way. */
  @Nullable Load of(Found.Lease<V> found) {
    return loads.get(found.lease());
  }

  /** Whether the lease is of a load of this JVM that has ended. */
  boolean isDead(Found.Lease<V> found) {
    return found.lease().startsWith(ours) && !loads.containsKey(found.lease());
  }

  /** Whether it is of a load that has failed a moment ago, of which Redis does not know. */
  boolean isUntold(Found.Lease<V> found) {
    Long until = untold.isEmpty() ? null : untold.get(found.lease());
    return until != null && runs.now() - until < 0;
  }

  /**
   * Tells Redis of loads that have failed, so that what their leases kept is there again.
   *
   * @param leasesByKey leases that are untold
   * @throws JedisException if Redis fails
   */
  void tellOfFailures(Map<String, String> leasesByKey) {
    if (leasesByKey.isEmpty()) {
      return;
    }
    for (Outcome<Object> told : store.releaseAll(leasesByKey, lifetimes.pauseMillis())) {
      Object unused = told.get();
    }
    untold.keySet().removeAll(leasesByKey.values());
  }

  // Claims.

  /**
   * What came of a claim.
   *
   * @param load what the caller is to do; null if it is not the caller's to load
   * @param isPaused whether a load has failed a moment ago
   */
  record Attempt(@Nullable Load load, boolean isPaused) {
    static final Attempt REFUSED = new Attempt(null, false);
  }

  /**
   * Puts a lease under the key, one attempt per JVM at a time.
   *
   * @param found what was found there, which the lease may replace
   */
  Attempt claim(String key, long ttlMillis, Patience patience, Found<V> found) {
    Attempt made =
        claims.first(
            key,
            patience,
            () -> {
              Store.Wanted wanted = wanted(key, found, ttlMillis);
              Load load = begin(wanted);
              Claimed claimed = Claimed.REFUSED;
              try {
                claimed = store.claim(wanted);
              } catch (JedisException e) {
                remove(key, load, 0);
                throw e;
              } finally {
                if (claimed != Claimed.MINE) {
                  end(load, null);
                }
              }
              return new Attempt(claimed == Claimed.MINE ? load : null, claimed == Claimed.PAUSED);
            });
    return made == null ? Attempt.REFUSED : made;
  }

  /**
   * Puts leases under many keys.
   *
   * @param found what was found under each, which the lease may replace
   * @param sorter told for each key what came of it
   */
  void claimAll(Map<String, Found<V>> found, long ttlMillis, Sorter sorter) {
    List<Store.Wanted> wanted = new ArrayList<>();
    found.forEach((key, one) -> wanted.add(wanted(key, one, ttlMillis)));
    List<Load> begun = wanted.stream().map(this::begin).toList();
    List<Outcome<Claimed>> outcomes = List.of();
    try {
      outcomes = wanted.isEmpty() ? List.of() : store.claimAll(wanted);
    } finally {
      for (int i = 0; i < wanted.size(); i++) {
        @Nullable Outcome<Claimed> outcome = i < outcomes.size() ? outcomes.get(i) : null;
        sort(wanted.get(i).key(), begun.get(i), outcome, sorter);
      }
    }
  }

  /** What may come of the claim of one of many keys. */
  interface Sorter {

    /** The lease is the caller's. */
    void mine(String key, Load load);

    /** Somebody else was first, or a load has failed a moment ago. */
    void refused(String key, boolean paused);

    /** Redis failed. */
    void failed(String key);
  }

  private void sort(String key, Load load, @Nullable Outcome<Claimed> outcome, Sorter sorter) {
    if (outcome != null && outcome.reply() == Claimed.MINE) {
      sorter.mine(key, load);
      return;
    }
    end(load, null);
    JedisException failure = outcome == null ? null : outcome.failure();
    if (outcome != null && failure == null) {
      sorter.refused(key, outcome.reply() == Claimed.PAUSED);
      return;
    }
    remove(key, load, 0);
    if (failure != null) {
      failures.add(key, failure);
    }
    sorter.failed(key);
  }

  private Store.Wanted wanted(String key, Found<V> found, long ttlMillis) {
    String lease = ours + tokens.incrementAndGet() + "@";
    String sha1 = found instanceof Found.Undecodable<V> bytes ? bytes.sha1() : "";
    String dead = found instanceof Found.Lease<V> ended ? ended.lease() : "";
    // Whatever was found, that may be late: a load that failed since then put back what there was.
    boolean heedsPause = lifetimes.staleMillis() > 0;
    return new Store.Wanted(key, lifetimes.claim(lease, ttlMillis), sha1, dead, heedsPause);
  }

  private Load begin(Store.Wanted wanted) {
    Load load =
        new Load(
            wanted.claim(),
            runs.now(),
            new AtomicReference<>(Thread.currentThread()),
            new CompletableFuture<>());
    loads.put(load.lease(), load);
    return load;
  }

  // Loads.

  /** Loads on this thread, and stores what was loaded. */
  @Nullable V run(Load load, String key, long ttlMillis, Loader<? extends V> loader) {
    Leases.Kept kept = keep(load, key);
    Loaded<V> loaded;
    try {
      loaded = runs.run(key, loader);
    } catch (Throwable t) {
      kept.end();
      Loaded<V> instead = failed(load, key, t);
      if (instead == null) {
        throw t;
      }
      return instead.value();
    }
    kept.end();
    loaded(load, key, ttlMillis, loaded);
    return loaded.value();
  }

  /** Stores what was loaded, and passes it to those who wait. */
  void loaded(Load load, String key, long ttlMillis, Loaded<V> loaded) {
    try {
      store(load, key, ttlMillis, loaded);
    } catch (Throwable t) {
      fail(load, t);
      throw t;
    }
    end(load, loaded.json());
  }

  /**
   * Ends a load that has failed, and passes on why, or what there is instead.
   *
   * @return what there is instead; null if there is nothing
   */
  @Nullable Loaded<V> failed(Load load, String key, Throwable failure) {
    try {
      release(load, key);
      Loaded<V> instead =
          failure instanceof RuntimeException
              ? insteadOfFailed(List.of(key), failure).get(key)
              : null;
      if (instead != null) {
        end(load, instead.json());
      }
      return instead;
    } finally {
      fail(load, failure); // which those who have been passed something do not see
    }
  }

  /**
   * Ends a load where there is to be no I/O: nothing is passed on but why, and the lease is removed
   * in the background.
   */
  void abandoned(Load load, String key, Throwable failure) {
    try {
      remove(key, load, 0);
    } finally {
      fail(load, failure);
    }
  }

  /** What there is of keys whose load has failed, past its time or set meanwhile. */
  private Map<String, Loaded<V>> insteadOfFailed(Collection<String> keys, Throwable failure) {
    Map<String, Loaded<V>> instead = new LinkedHashMap<>();
    if (lifetimes.staleMillis() == 0 || keys.isEmpty()) {
      return instead;
    }
    String first = keys.iterator().next();
    try {
      Map<String, Found<V>> there = coolDown.askAllNow(List.copyOf(keys), store::readAll);
      if (there != null) {
        there.forEach((key, found) -> addTo(instead, key, found));
      }
    } catch (JedisException e) {
      failures.add(first, e); // The failure of the load is what the caller is told.
    }
    if (!instead.isEmpty()) {
      // Its kind alone, as a message may quote values, and in the text, so that each is heard of.
      LOG.warn(
          "A load failed, and what there was is returned instead ("
              + EventLog.kind(failure)
              + "): key {}, of {} in all",
          instead.keySet().iterator().next(),
          instead.size());
    }
    return instead;
  }

  /** What cannot be passed on to those who wait is nothing. */
  private void addTo(Map<String, Loaded<V>> instead, String key, Found<V> found) {
    try {
      if (found instanceof Found.Stale<V> stale) {
        instead.put(key, runs.loaded(stale.value()));
        counters.stale(key);
      } else if (found instanceof Found.Value<V> value) {
        instead.put(key, runs.loaded(value.value()));
      }
    } catch (RuntimeException e) {
      // Its message may quote the value.
      LOG.warn(
          "An entry cannot be returned instead of a load that failed ("
              + EventLog.kind(e)
              + "): key {}",
          key);
    }
  }

  /** Loads many with one call on this thread, and stores what was loaded. */
  Map<String, Loaded<V>> runAll(
      Map<String, Load> mine, List<String> keys, long ttlMillis, BulkLoader<? extends V> loader) {
    List<Leases.Kept> kept = new ArrayList<>();
    mine.forEach((key, load) -> kept.add(keep(load, key)));
    Map<String, Loaded<V>> loaded;
    try {
      loaded = runs.runAll(keys, loader);
      kept.forEach(Leases.Kept::end);
      storeAll(mine, loaded, ttlMillis);
    } catch (Throwable t) {
      kept.forEach(Leases.Kept::end);
      Map<String, Loaded<V>> instead = failedAll(mine, t);
      if (!instead.keySet().containsAll(keys)) {
        throw t;
      }
      return instead;
    }
    mine.forEach((key, load) -> end(load, Objects.requireNonNull(loaded.get(key)).json()));
    return loaded;
  }

  /** Ends loads that have failed together, and returns what there is instead. */
  private Map<String, Loaded<V>> failedAll(Map<String, Load> mine, Throwable failure) {
    Map<String, Loaded<V>> instead = Map.of();
    try {
      releaseAll(mine);
      if (failure instanceof RuntimeException) {
        instead = insteadOfFailed(mine.keySet(), failure);
      }
    } finally {
      endAll(mine, instead, failure); // Whatever happens, nobody waits any more.
    }
    return instead;
  }

  /** Passes on what there is of some, and the failure to those who wait for the others. */
  private void endAll(Map<String, Load> mine, Map<String, Loaded<V>> instead, Throwable failure) {
    mine.forEach(
        (key, load) -> {
          Loaded<V> one = instead.get(key);
          if (one == null) {
            fail(load, failure);
          } else {
            end(load, one.json());
          }
        });
  }

  /** Keeps the lease alive while its load is under way. */
  Leases.Kept keep(Load load, String key) {
    return leases.keep(
        "The lease of key " + key,
        store.renewal(key, load.claim()),
        load.claim().leaseMillis(),
        load.asked(),
        () -> {}); // Whoever has the key now refuses what is loaded.
  }

  /** Passes what was loaded to those who wait; null has them look again. */
  private void end(Load load, @Nullable String json) {
    load.json().complete(json);
    loads.remove(load.lease());
  }

  private void fail(Load load, Throwable failure) {
    LoaderRuns.fail(load.json(), failure);
    loads.remove(load.lease());
  }

  // The end of a lease.

  private void store(Load load, String key, long ttlMillis, Loaded<V> loaded) {
    if (loaded.value() == null && !lifetimes.storesNull()) {
      endLease(load, key, 0, () -> store.forget(key, load.lease()));
      return;
    }
    long fillMillis = lifetimes.fillMillis(ttlMillis, loaded.value());
    Boolean stored =
        tell(load, key, 0, () -> store.fill(key, load.lease(), loaded.json(), fillMillis));
    if (stored != null && !stored) {
      counters.refusedFills.increment();
    }
  }

  private void storeAll(Map<String, Load> mine, Map<String, Loaded<V>> loaded, long ttlMillis) {
    List<Store.Fill> fills = new ArrayList<>();
    Map<String, Load> nothing = new LinkedHashMap<>();
    mine.forEach(
        (key, load) -> {
          Loaded<V> one = Objects.requireNonNull(loaded.get(key));
          if (one.value() == null && !lifetimes.storesNull()) {
            nothing.put(key, load);
          } else {
            long life = lifetimes.fillMillis(ttlMillis, one.value());
            fills.add(new Store.Fill(key, load.lease(), one.json(), life));
          }
        });
    endLeases(nothing, 0, store::forgetAll);
    List<Outcome<Object>> outcomes = fills.isEmpty() ? List.of() : store.fillAll(fills);
    for (int i = 0; i < fills.size(); i++) {
      String key = fills.get(i).key();
      JedisException failure = outcomes.get(i).failure();
      if (failure != null) {
        failures.add(key, failure);
        remove(key, Objects.requireNonNull(mine.get(key)), 0);
      } else if (!Long.valueOf(1).equals(outcomes.get(i).reply())) {
        counters.refusedFills.increment();
      }
    }
  }

  /** Has what there was be there again, and lets the next caller load if there was nothing. */
  private void release(Load load, String key) {
    long pause = lifetimes.pauseMillis();
    endLease(load, key, pause, () -> store.release(key, load.lease(), pause));
  }

  /** Ends a lease. If that fails it is tried again in the background. */
  private void endLease(Load load, String key, long pauseMillis, Runnable ending) {
    Boolean unused =
        tell(
            load,
            key,
            pauseMillis,
            () -> {
              ending.run();
              return true;
            });
  }

  private void releaseAll(Map<String, Load> failed) {
    long pause = lifetimes.pauseMillis();
    endLeases(failed, pause, leasesByKey -> store.releaseAll(leasesByKey, pause));
  }

  private void endLeases(
      Map<String, Load> ended,
      long pauseMillis,
      Function<Map<String, String>, List<Outcome<Object>>> ending) {
    if (ended.isEmpty()) {
      return;
    }
    Map<String, String> leasesByKey = new LinkedHashMap<>();
    ended.forEach((key, load) -> leasesByKey.put(key, load.lease()));
    List<Outcome<Object>> outcomes = ending.apply(leasesByKey);
    int i = 0;
    for (Map.Entry<String, Load> one : ended.entrySet()) {
      JedisException failure = outcomes.get(i++).failure();
      if (failure != null) {
        failures.add(one.getKey(), failure);
        remove(one.getKey(), one.getValue(), pauseMillis);
      }
    }
  }

  /** Ends a lease; null if Redis failed or is not to be asked, of which the caller is spared. */
  private @Nullable Boolean tell(
      Load load, String key, long pauseMillis, Supplier<Boolean> ending) {
    @Nullable Boolean done = null;
    try {
      done = coolDown.askNow(key, ending);
    } catch (JedisException e) {
      failures.add(key, e);
    } finally {
      if (done == null) {
        remove(key, load, pauseMillis);
      }
    }
    return done;
  }

  /**
   * Removes a lease that may stand in Redis though its load has ended or will not begin.
   *
   * @param pauseMillis for how long nobody is to load what it kept
   */
  private void remove(String key, Load load, long pauseMillis) {
    if (pauseMillis > 0) {
      if (untold.size() >= MOST_REMEMBERED) {
        untold.clear();
      }
      untold.put(load.lease(), runs.now() + TimeUnit.MILLISECONDS.toNanos(pauseMillis));
    }
    leases.remove(store.removal(key, load.lease(), pauseMillis), load.claim().leaseMillis());
  }
}
