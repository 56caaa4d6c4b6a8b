package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LeasedLoads.Load;
import io.github.redistoolkit.cache.LoaderRuns.Loaded;
import io.github.redistoolkit.core.Alarms;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Reads through the cache as {@link FleetLoads} does, with no thread that waits: not for a loader,
 * nor for another caller or JVM. Redis is asked by the threads of an executor.
 */
final class AsyncLoads<V> {

  private final Executor executor;
  private final Alarms alarms;
  private final FleetLoads<V> fleet;
  private final LoaderRuns<V> runs;
  private final LeasedLoads<V> leased;
  private final LocalLoads<V> local;
  private final Waits<V> waits;
  private final Counters counters;

  AsyncLoads(
      Executor executor,
      Alarms alarms,
      FleetLoads<V> fleet,
      LoaderRuns<V> runs,
      LeasedLoads<V> leased,
      LocalLoads<V> local,
      Waits<V> waits,
      Counters counters) {
    this.executor = executor;
    this.alarms = alarms;
    this.fleet = fleet;
    this.runs = runs;
    this.leased = leased;
    this.local = local;
    this.waits = waits;
    this.counters = counters;
  }

  CompletableFuture<@Nullable V> get(
      String key, long ttlMillis, Patience patience, AsyncLoader<? extends V> loader) {
    runs.requireNotLoading(key);
    Call call = new Call(key, ttlMillis, patience, loader, new CompletableFuture<>());
    call.soon(() -> call.step(true));
    return call.result;
  }

  /**
   * Where an entry is that can be found only by asking Redis.
   *
   * @param uncached names loads without Redis
   * @param key asks for the key; null if what is loaded is not to be stored
   */
  record Place(String uncached, Supplier<@Nullable String> key) {}

  /** The same for a key that is asked for first. */
  CompletableFuture<@Nullable V> get(
      Place place, long ttlMillis, Patience patience, AsyncLoader<? extends V> loader) {
    Set<String> loading = runs.loading();
    Call call = new Call(place.uncached(), ttlMillis, patience, loader, new CompletableFuture<>());
    call.soon(
        () -> {
          String key = null;
          try {
            key = place.key().get();
          } catch (JedisException e) {
            fleet.spared(place.uncached(), e);
          }
          Call found = key == null ? call : call.at(key);
          LoaderRuns.requireNotAmong(loading, found.key);
          if (key == null) {
            found.loadUncached();
          } else {
            found.step(true);
          }
        });
    return call.result;
  }

  /** Waits for a loader on the thread that asks, as refreshes in the background do. */
  static <V> Loader<V> waiting(AsyncLoader<? extends V> loader, Patience patience) {
    return () -> {
      CompletableFuture<? extends @Nullable V> loading = loader.load().toCompletableFuture();
      try {
        return loading.get(patience.maxWait().toNanos(), TimeUnit.NANOSECONDS);
      } finally {
        loading.cancel(true);
      }
    };
  }

  /** How a load of ours ends for all who wait for it. */
  private interface Ending<V> {

    /** The loader has been called, and the thread that did moves on. */
    default void begun() {}

    void loaded(Loaded<V> loaded);

    /** Returns what there is instead; null if there is nothing. */
    @Nullable Loaded<V> failed(Throwable failure);

    /** Ends it as failed without waiting for anything. */
    void abandoned(Throwable failure);
  }

  /** One caller. Cancelling its future ends its waiting; a load that it has begun goes on. */
  private final class Call {

    final String key;
    final long ttlMillis;
    final Patience patience;
    final AsyncLoader<? extends V> loader;
    final CompletableFuture<@Nullable V> result;

    Call(
        String key,
        long ttlMillis,
        Patience patience,
        AsyncLoader<? extends V> loader,
        CompletableFuture<@Nullable V> result) {
      this.key = key;
      this.ttlMillis = ttlMillis;
      this.patience = patience;
      this.loader = loader;
      this.result = result;
    }

    /** The same call for the key that was asked for first. */
    Call at(String found) {
      return new Call(found, ttlMillis, patience, loader, result);
    }

    /** Continues on the executor. If that fails, so does this call. */
    private void soon(Runnable step) {
      soon(step, () -> {});
    }

    /** The same, where this call has to leave something if the executor refuses. */
    private void soon(Runnable step, Runnable refused) {
      try {
        executor.execute(() -> guard(step));
      } catch (RuntimeException | Error e) {
        guard(refused);
        result.completeExceptionally(e);
      }
    }

    private void guard(Runnable step) {
      try {
        step.run();
      } catch (Throwable t) {
        result.completeExceptionally(t);
      }
    }

    private void step(boolean first) {
      for (boolean counted = first; !result.isDone(); counted = false) {
        Next<V> next = fleet.next(key, ttlMillis, patience, counted);
        if (!(next instanceof Next.Again)) {
          follow(next);
          return;
        }
      }
    }

    private void follow(Next<V> next) {
      if (next instanceof Next.Hit<V> hit) {
        fleet.onHit(key, hit.found(), ttlMillis, waiting(loader, patience));
        result.complete(hit.found().value());
      } else if (next instanceof Next.Past<V> past) {
        counters.stale(key);
        result.complete(past.found().value());
      } else if (next instanceof Next.Mine<V> mine) {
        load(new Leased(mine.load()));
      } else if (next instanceof Next.Theirs<V> theirs) {
        await(theirs.load().json());
      } else if (next instanceof Next.Elsewhere<V> elsewhere) {
        awaitEndOf(elsewhere.lease());
      } else {
        loadUncached();
      }
    }

    // A load of our own.

    /** Loads for {@code maxWait} at most, so that no lease is kept for a load that never ends. */
    private void load(Ending<V> ending) {
      long start = runs.now();
      CompletableFuture<? extends @Nullable V> loading = runs.begin(key, loader);
      ending.begun();
      AtomicBoolean ended = new AtomicBoolean();
      Alarms.Alarm limit =
          alarms.at(
              start + patience.maxWait().toNanos(),
              () -> {
                if (ended.compareAndSet(false, true)) {
                  endSoon(
                      ending, start, null, CacheTimeoutException.ofLoad(key, patience.maxWait()));
                  cancelSoon(loading);
                }
              });
      var unused =
          loading.whenComplete(
              (value, failure) -> {
                limit.cancel();
                if (ended.compareAndSet(false, true)) {
                  endSoon(ending, start, value, failure);
                }
              });
    }

    /** What waits for the loader's future is not for the thread of the alarms to run. */
    private void cancelSoon(CompletableFuture<?> loading) {
      try {
        executor.execute(() -> loading.cancel(true));
      } catch (RuntimeException | Error e) {
        loading.cancel(true);
      }
    }

    /** Ends on the executor, or if that is not to be had without storing or reading anything. */
    private void endSoon(
        Ending<V> ending, long start, @Nullable V value, @Nullable Throwable failure) {
      try {
        executor.execute(() -> guard(() -> end(ending, start, value, failure)));
      } catch (RuntimeException | Error e) {
        guard(() -> abandon(ending, start, failure == null ? e : failure));
      }
    }

    /** Ends on whatever thread this is, which is not to wait for Redis. */
    private void abandon(Ending<V> ending, long start, Throwable failure) {
      try {
        Loaded<V> unused = runs.ended(key, start, null, failure);
      } catch (Throwable t) {
        ending.abandoned(t);
        result.completeExceptionally(t);
      }
    }

    private void end(Ending<V> ending, long start, @Nullable V value, @Nullable Throwable failure) {
      Loaded<V> loaded;
      try {
        loaded = runs.ended(key, start, value, failure);
      } catch (Throwable t) {
        Loaded<V> instead = ending.failed(t);
        if (instead == null) {
          result.completeExceptionally(t);
        } else {
          result.complete(instead.value());
        }
        return;
      }
      ending.loaded(loaded);
      result.complete(loaded.value());
    }

    /** A load under a lease. */
    private final class Leased implements Ending<V> {

      private final Load load;
      private final Leases.Kept kept;

      Leased(Load load) {
        this.load = load;
        this.kept = leased.keep(load, key);
      }

      @Override
      public void begun() {
        load.endsByItself();
      }

      @Override
      public void loaded(Loaded<V> loaded) {
        kept.end();
        leased.loaded(load, key, ttlMillis, loaded);
      }

      @Override
      public @Nullable Loaded<V> failed(Throwable failure) {
        kept.end();
        return leased.failed(load, key, failure);
      }

      @Override
      public void abandoned(Throwable failure) {
        kept.end();
        leased.abandoned(load, key, failure);
      }
    }

    private void loadUncached() {
      LocalLoads.Turn turn = local.join(key);
      limited(turn.previous(), () -> takeTurn(turn), () -> local.leave(turn, key));
    }

    private void takeTurn(LocalLoads.Turn turn) {
      if (!turn.begin(null)) {
        await(turn.json());
        return;
      }
      counters.uncachedLoads.increment();
      load(
          new Ending<>() {
            @Override
            public void loaded(Loaded<V> loaded) {
              local.end(turn, key, loaded);
            }

            @Override
            public @Nullable Loaded<V> failed(Throwable failure) {
              abandoned(failure);
              return null;
            }

            @Override
            public void abandoned(Throwable failure) {
              local.fail(turn, key, failure);
            }
          });
    }

    // The loads of others.

    private void await(CompletableFuture<@Nullable String> json) {
      long start = runs.now();
      limited(
          json,
          () -> {
            waits.waited(start);
            copy(json);
          },
          () -> waits.waited(start));
    }

    /** Passes on what another load gave; null has this one look again. */
    private void copy(CompletableFuture<@Nullable String> ended) {
      String json;
      try {
        json = ended.join();
      } catch (CompletionException e) {
        result.completeExceptionally(e.getCause() == null ? e : e.getCause());
        return;
      }
      if (json == null) {
        step(false);
      } else {
        result.complete(runs.copy(json));
      }
    }

    /** Continues once something has ended, or gives up. */
    private void limited(CompletableFuture<?> other, Runnable then, Runnable gaveUp) {
      AtomicBoolean over = new AtomicBoolean();
      Alarms.Alarm limit =
          alarms.at(
              patience.end(),
              () -> {
                if (over.compareAndSet(false, true)) {
                  soon(() -> giveUp(gaveUp), gaveUp);
                }
              });
      var unused =
          other.whenComplete(
              (value, failure) -> {
                limit.cancel();
                if (over.compareAndSet(false, true)) {
                  soon(result.isDone() ? gaveUp : then, gaveUp);
                }
              });
    }

    private void giveUp(Runnable gaveUp) {
      gaveUp.run();
      result.completeExceptionally(new CacheTimeoutException(key, patience.maxWait()));
    }

    private void awaitEndOf(Found.Lease<V> lease) {
      CompletableFuture<Boolean> mine = new CompletableFuture<>();
      CompletableFuture<Boolean> other = waits.join(lease, mine);
      long start = runs.now();
      if (other != null) {
        Runnable waited = () -> waits.waited(start);
        limited(
            other,
            () -> {
              waited.run();
              step(false);
            },
            waited);
        return;
      }
      new Poll(lease, mine, start).later();
    }

    /** Looks again and again whether a lease of another JVM has ended, for all of this JVM. */
    private final class Poll {

      private final Found.Lease<V> lease;
      private final CompletableFuture<Boolean> others;
      private final long start;
      private final Waits<V>.Watch watch;

      Poll(Found.Lease<V> lease, CompletableFuture<Boolean> others, long start) {
        this.lease = lease;
        this.others = others;
        this.start = start;
        this.watch = waits.watch(lease, key, ttlMillis, patience);
      }

      void later() {
        long at = runs.now() + TimeUnit.MILLISECONDS.toNanos(watch.nextPauseMillis());
        var unused =
            alarms.at(
                at,
                () -> {
                  soon(this::look);
                  if (result.isDone()) {
                    over(); // Refused by the executor: another caller is to look.
                  }
                });
      }

      private void look() {
        Next<V> next;
        try {
          long unused = patience.requireNanosLeft(key);
          next = result.isDone() ? new Next.Again<>() : watch.look();
        } catch (Throwable t) {
          over();
          throw t;
        }
        if (next == null) {
          later();
          return;
        }
        over();
        if (next instanceof Next.Again) {
          step(false);
        } else {
          follow(next);
        }
      }

      private void over() {
        waits.waited(start);
        waits.land(lease, others);
      }
    }
  }
}
