package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LoaderRuns.Loaded;
import io.github.redistoolkit.cache.Store.Claim;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Outcome;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
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

  /** A load that is under way in this JVM, giving JSON; null if its lease was not to be had. */
  private record Load(
      Claim claim, long asked, Thread thread, CompletableFuture<@Nullable String> json) {}

  /** What a caller is to do after it has looked at a key. */
  private sealed interface Next<V> {

    /** Return this. */
    record Hit<V>(Found.Value<V> found) implements Next<V> {}

    /** Load without Redis. */
    record Uncached<V>() implements Next<V> {}

    /** Load under this lease. */
    record Mine<V>(Load load) implements Next<V> {}

    /** Join this load of another caller. */
    record Theirs<V>(Load load) implements Next<V> {}

    /** Wait until this lease, of another JVM, is gone. */
    record Elsewhere<V>(Found.Lease<V> lease) implements Next<V> {}

    /** Look again. */
    record Again<V>() implements Next<V> {}
  }

  private final Store<V> store;
  private final CoolDown coolDown;
  private final LoaderRuns<V> runs;
  private final LocalLoads<V> localLoads;
  private final Leases leases;
  private final Lifetimes lifetimes;
  private final Counters counters;
  private final RedisFailures failures;
  private final @Nullable Refreshes<V> refreshes;

  private final String ours = Found.LEASE + UUID.randomUUID() + "-";
  private final AtomicLong tokens = new AtomicLong();

  /** By key: the claim that this JVM is making. */
  private final SingleFlight claims = new SingleFlight();

  /** By lease: the load that this JVM is running. A lease of ours that is not here is dead. */
  private final ConcurrentMap<String, Load> loads = new ConcurrentHashMap<>();

  /** By lease: the wait of this JVM for another one's load. */
  private final SingleFlight waits = new SingleFlight();

  FleetLoads(
      Store<V> store,
      CoolDown coolDown,
      Codec<V> codec,
      Leases leases,
      Lifetimes lifetimes,
      Counters counters,
      Refreshes.@Nullable Early early) {
    this.store = store;
    this.coolDown = coolDown;
    this.runs = new LoaderRuns<>(codec, counters);
    this.localLoads = new LocalLoads<>(runs, counters);
    this.leases = leases;
    this.lifetimes = lifetimes;
    this.counters = counters;
    this.failures = new RedisFailures(counters);
    this.refreshes =
        early == null
            ? null
            : new Refreshes<>(early, store, coolDown, runs, leases, lifetimes, counters);
  }

  @Nullable V get(String key, long ttlMillis, Patience patience, Loader<? extends V> loader) {
    runs.requireNotLoading(key);
    for (boolean first = true; ; first = false) {
      Next<V> next = next(key, ttlMillis, patience, first);
      if (next instanceof Next.Hit<V> hit) {
        onHit(key, hit.found(), ttlMillis, loader);
        return hit.found().value();
      }
      if (next instanceof Next.Uncached) {
        return localLoads.get(key, loader, patience);
      }
      if (next instanceof Next.Mine<V> mine) {
        return load(mine.load(), key, ttlMillis, loader);
      }
      if (next instanceof Next.Theirs<V> theirs) {
        String json = join(theirs.load(), key, patience);
        if (json != null) {
          return runs.copy(json);
        }
      }
      if (next instanceof Next.Elsewhere<V> elsewhere) {
        Load taken = awaitEndOf(elsewhere.lease(), key, ttlMillis, patience);
        if (taken != null) {
          return load(taken, key, ttlMillis, loader);
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
      throwIfInterrupted(failure);
      failures.add(key, failure);
    }
    return localLoads.get(key, loader, patience);
  }

  private Next<V> next(String key, long ttlMillis, Patience patience, boolean first) {
    try {
      Next<V> next = coolDown.ask(key, patience, () -> look(key, ttlMillis, patience, first));
      return next == null ? new Next.Uncached<>() : next;
    } catch (JedisException e) {
      throwIfInterrupted(e);
      failures.add(key, e);
      return new Next.Uncached<>();
    }
  }

  private static void throwIfInterrupted(JedisException e) {
    if (Failures.isInterrupt(e)) {
      throw new CompletionException("interrupted while waiting for a connection", e.getCause());
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
    String sha1 = found instanceof Found.Undecodable<V> bytes ? bytes.sha1() : "";
    Load claimed = claim(key, ttlMillis, patience, sha1, "");
    if (claimed != null) {
      return new Next.Mine<>(claimed);
    }
    // If it is not held, another claim was first: look what that made of the key.
    return found instanceof Found.Hold ? new Next.Uncached<>() : new Next.Again<>();
  }

  private Next<V> lookAt(Found.Lease<V> found, String key, long ttlMillis, Patience patience) {
    String lease = found.lease();
    Load joinable = loads.get(lease);
    if (joinable != null) {
      return new Next.Theirs<>(joinable);
    }
    boolean dead = lease.startsWith(ours);
    if (dead && !isThere(lease, key)) {
      return new Next.Again<>(); // Its load ended since it was read.
    }
    if (dead || lease.isEmpty()) {
      Load claimed = claim(key, ttlMillis, patience, "", lease);
      return claimed == null ? new Next.Again<>() : new Next.Mine<>(claimed);
    }
    return new Next.Elsewhere<>(found);
  }

  private boolean isThere(String lease, String key) {
    return store.read(key) instanceof Found.Lease<V> found && found.lease().equals(lease);
  }

  /** Puts a lease under the key, one attempt per JVM at a time. Null if someone else was first. */
  private @Nullable Load claim(
      String key, long ttlMillis, Patience patience, String replaceableSha1, String deadLease) {
    return claims.first(
        key,
        patience,
        () -> {
          String lease = ours + tokens.incrementAndGet() + "@";
          Claim claim = lifetimes.claim(lease, ttlMillis);
          Load load = newLoad(claim);
          loads.put(lease, load);
          boolean claimed = false;
          try {
            claimed = store.claim(key, claim, replaceableSha1, deadLease);
          } catch (JedisException e) {
            remove(key, claim);
            throw e;
          } finally {
            if (!claimed) {
              end(load, null);
            }
          }
          return claimed ? load : null;
        });
  }

  private static Load newLoad(Claim claim) {
    return new Load(claim, System.nanoTime(), Thread.currentThread(), new CompletableFuture<>());
  }

  /** Removes a lease that may stand in Redis though its load has ended or will not begin. */
  private void remove(String key, Claim claim) {
    leases.remove(store.removal(key, claim.lease()), claim.leaseMillis());
  }

  private void end(Load load, @Nullable String json) {
    load.json().complete(json);
    loads.remove(load.claim().lease());
  }

  private @Nullable V load(Load load, String key, long ttlMillis, Loader<? extends V> loader) {
    try {
      Loaded<V> loaded = loadUnderLease(load, key, loader);
      store(load.claim(), key, ttlMillis, loaded);
      end(load, loaded.json());
      return loaded.value();
    } catch (Throwable t) {
      LoaderRuns.fail(load.json(), t);
      throw t;
    } finally {
      loads.remove(load.claim().lease());
    }
  }

  private Loaded<V> loadUnderLease(Load load, String key, Loader<? extends V> loader) {
    Leases.Kept kept = keep(load, key);
    try {
      return runs.run(key, loader);
    } catch (Throwable t) {
      release(load.claim(), key);
      throw t;
    } finally {
      kept.end();
    }
  }

  private Leases.Kept keep(Load load, String key) {
    Claim claim = load.claim();
    return leases.keep(
        "The lease of key " + key,
        store.renewal(key, claim),
        claim.leaseMillis(),
        load.asked(),
        () -> {}); // Whoever has the key now refuses what is loaded.
  }

  private void store(Claim claim, String key, long ttlMillis, Loaded<V> loaded) {
    if (loaded.value() == null && !lifetimes.storesNull()) {
      release(claim, key);
      return;
    }
    long fillMillis = lifetimes.fillMillis(ttlMillis, loaded.value());
    Boolean stored =
        tell(claim, key, () -> store.fill(key, claim.lease(), loaded.json(), fillMillis));
    if (stored != null && !stored) {
      counters.refusedFills.increment();
    }
  }

  /** Lets the next caller load at once. If that fails it is tried again in the background. */
  private void release(Claim claim, String key) {
    Boolean unused =
        tell(
            claim,
            key,
            () -> {
              store.release(key, claim.lease());
              return true;
            });
  }

  /** Ends a lease; null if Redis failed or is not to be asked, of which the caller is spared. */
  private @Nullable Boolean tell(Claim claim, String key, Supplier<Boolean> ending) {
    @Nullable Boolean done = null;
    try {
      done = coolDown.askNow(key, ending);
    } catch (JedisException e) {
      failures.add(key, e);
    } finally {
      if (done == null) {
        remove(key, claim);
      }
    }
    return done;
  }

  private @Nullable String join(Load load, String key, Patience patience) {
    long start = System.nanoTime();
    try {
      return LoaderRuns.await(load.json(), key, load::thread, patience);
    } finally {
      waited(start);
    }
  }

  private void waited(long start) {
    counters.waits.increment();
    counters.waitNanos.add(System.nanoTime() - start);
  }

  /**
   * Waits until the lease, most likely another JVM's, is gone. If it ends, takes the load over: one
   * caller gets that, the others null.
   */
  private @Nullable Load awaitEndOf(
      Found.Lease<V> lease, String key, long ttlMillis, Patience patience) {
    long start = System.nanoTime();
    try {
      return waits.first(lease.lease(), patience, () -> poll(lease, key, ttlMillis, patience));
    } finally {
      waited(start);
    }
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
          Load taken = coolDown.askNow(key, () -> claim(key, ttlMillis, patience, "", ""));
          if (taken != null) {
            return taken;
          }
        }
      }
    } catch (JedisException e) {
      throwIfInterrupted(e);
      failures.add(key, e); // Whoever waits looks for himself and sees whether it goes on.
      return null;
    }
  }

  // Many keys.

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

  /** Reads many keys, and loads with one call what nobody else is loading. */
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
      round = coolDown.ask(keys.get(0), patience, () -> lookAtAll(keys, ttlMillis, first));
    } catch (JedisException e) {
      throwIfInterrupted(e);
      failures.add(keys.get(0), e);
    }
    if (round == null) {
      round = new Round<>();
      round.uncached().addAll(keys);
    }
    return round;
  }

  private Round<V> lookAtAll(List<String> keys, long ttlMillis, boolean first) {
    Map<String, Found<V>> all = store.readAll(keys);
    Round<V> round = new Round<>();
    List<Store.Wanted> wanted = new ArrayList<>();
    all.forEach(
        (key, found) -> {
          if (first) {
            counters.count(found);
          }
          if (found instanceof Found.Value<V> hit) {
            V value = hit.value();
            if (value != null) {
              round.hits().put(key, value);
            }
          } else if (found instanceof Found.Lease<V> lease && isAlive(lease)) {
            Load joinable = loads.get(lease.lease());
            round
                .others()
                .put(
                    key,
                    joinable == null ? new Next.Elsewhere<>(lease) : new Next.Theirs<>(joinable));
          } else {
            wanted.add(wanted(key, found, ttlMillis));
          }
        });
    claimAll(wanted, all, round);
    return round;
  }

  private boolean isAlive(Found.Lease<V> found) {
    String lease = found.lease();
    return loads.containsKey(lease) || !(lease.isEmpty() || lease.startsWith(ours));
  }

  private Store.Wanted wanted(String key, Found<V> found, long ttlMillis) {
    String lease = ours + tokens.incrementAndGet() + "@";
    String sha1 = found instanceof Found.Undecodable<V> bytes ? bytes.sha1() : "";
    String dead = found instanceof Found.Lease<V> ended ? ended.lease() : "";
    return new Store.Wanted(key, lifetimes.claim(lease, ttlMillis), sha1, dead);
  }

  private void claimAll(List<Store.Wanted> wanted, Map<String, Found<V>> all, Round<V> round) {
    List<Load> claims = new ArrayList<>();
    for (Store.Wanted one : wanted) {
      Load load = newLoad(one.claim());
      claims.add(load);
      loads.put(one.claim().lease(), load);
    }
    List<Outcome<Object>> outcomes = List.of();
    try {
      outcomes = wanted.isEmpty() ? List.of() : store.claimAll(wanted);
    } finally {
      for (int i = 0; i < wanted.size(); i++) {
        @Nullable Outcome<Object> outcome = i < outcomes.size() ? outcomes.get(i) : null;
        sort(wanted.get(i), claims.get(i), outcome, all, round);
      }
    }
  }

  private void sort(
      Store.Wanted wanted,
      Load load,
      @Nullable Outcome<Object> outcome,
      Map<String, Found<V>> all,
      Round<V> round) {
    String key = wanted.key();
    if (outcome != null && Long.valueOf(1).equals(outcome.reply())) {
      round.mine().put(key, load);
      return;
    }
    end(load, null);
    JedisException failure = outcome == null ? null : outcome.failure();
    if (outcome == null || failure != null) {
      remove(key, wanted.claim());
      round.uncached().add(key);
      if (failure != null) {
        failures.add(key, failure);
      }
    } else if (all.get(key) instanceof Found.Hold) {
      round.uncached().add(key);
    } else {
      round.others().put(key, new Next.Again<>());
    }
  }

  private Map<String, V> loadAll(Round<V> round, long ttlMillis, BulkLoader<? extends V> loader) {
    List<String> keys = new ArrayList<>(round.mine().keySet());
    keys.addAll(round.uncached());
    Map<String, V> values = new HashMap<>();
    if (keys.isEmpty()) {
      return values;
    }
    List<Leases.Kept> kept = new ArrayList<>();
    round.mine().forEach((key, load) -> kept.add(keep(load, key)));
    counters.uncachedLoads.add(round.uncached().size());
    Map<String, Loaded<V>> loaded;
    try {
      loaded = runs.runAll(keys, loader);
      kept.forEach(Leases.Kept::end);
      storeAll(round.mine(), loaded, ttlMillis);
    } catch (Throwable t) {
      kept.forEach(Leases.Kept::end);
      releaseAll(round.mine());
      round
          .mine()
          .forEach(
              (key, load) -> {
                LoaderRuns.fail(load.json(), t);
                loads.remove(load.claim().lease());
              });
      throw t;
    }
    loaded.forEach(
        (key, one) -> {
          V value = one.value();
          if (value != null) {
            values.put(key, value);
          }
          Load load = round.mine().get(key);
          if (load != null) {
            end(load, one.json());
          }
        });
    return values;
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
            fills.add(new Store.Fill(key, load.claim().lease(), one.json(), life));
          }
        });
    releaseAll(nothing);
    List<Outcome<Object>> outcomes = fills.isEmpty() ? List.of() : store.fillAll(fills);
    for (int i = 0; i < fills.size(); i++) {
      String key = fills.get(i).key();
      JedisException failure = outcomes.get(i).failure();
      if (failure != null) {
        failures.add(key, failure);
        remove(key, Objects.requireNonNull(mine.get(key)).claim());
      } else if (!Long.valueOf(1).equals(outcomes.get(i).reply())) {
        counters.refusedFills.increment();
      }
    }
  }

  private void releaseAll(Map<String, Load> ended) {
    if (ended.isEmpty()) {
      return;
    }
    Map<String, String> leasesByKey = new LinkedHashMap<>();
    ended.forEach((key, load) -> leasesByKey.put(key, load.claim().lease()));
    List<Outcome<Object>> outcomes = store.releaseAll(leasesByKey);
    int i = 0;
    for (Map.Entry<String, Load> one : ended.entrySet()) {
      JedisException failure = outcomes.get(i++).failure();
      if (failure != null) {
        failures.add(one.getKey(), failure);
        remove(one.getKey(), one.getValue().claim());
      }
    }
  }

  /** What another caller's load gave; null if the key is to be looked at again. */
  private @Nullable V await(
      Next<V> other,
      String key,
      long ttlMillis,
      Patience patience,
      BulkLoader<? extends V> loader) {
    if (other instanceof Next.Theirs<V> theirs) {
      String json = join(theirs.load(), key, patience);
      return json == null ? null : runs.copy(json);
    }
    if (other instanceof Next.Elsewhere<V> elsewhere) {
      Load taken = awaitEndOf(elsewhere.lease(), key, ttlMillis, patience);
      if (taken != null) {
        return load(taken, key, ttlMillis, () -> loader.load(Set.of(key)).get(key));
      }
    }
    return null;
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
