package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LoaderRuns.Loaded;
import io.github.redistoolkit.cache.LoaderRuns.Owner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Loads that Redis does not coordinate, because it failed or an update holds the key: one at a time
 * per key in this JVM, and nothing is stored.
 *
 * <p>There is no token to tell whether a load that is under way is new enough for a caller who
 * comes later. So that caller joins the next one, which begins after it came.
 */
final class LocalLoads<V> {

  /** One load, begun by whoever of its callers is first when the load before it has ended. */
  private static final class Turn {
    final CompletableFuture<String> previous;
    final Owner previousOwner;
    final AtomicBoolean begun = new AtomicBoolean();
    final CompletableFuture<String> json = new CompletableFuture<>();

    /** Touched only while the map computes. */
    int callers;

    /** Who loads; null before it has begun. */
    volatile @Nullable Thread leader;

    Turn(CompletableFuture<String> previous, Owner previousOwner) {
      this.previous = previous;
      this.previousOwner = previousOwner;
    }
  }

  private final LoaderRuns<V> runs;
  private final Counters counters;
  private final ConcurrentMap<String, Turn> latest = new ConcurrentHashMap<>();

  LocalLoads(LoaderRuns<V> runs, Counters counters) {
    this.runs = runs;
    this.counters = counters;
  }

  @Nullable V get(String key, Loader<? extends V> loader, Patience patience) {
    Turn turn = latest.compute(key, (k, last) -> joined(last));
    try {
      LoaderRuns.awaitEnd(turn.previous, key, turn.previousOwner, patience);
    } catch (RuntimeException gaveUp) {
      leave(turn, key);
      throw gaveUp;
    }
    if (turn.begun.compareAndSet(false, true)) {
      return lead(turn, key, loader);
    }
    return runs.copy(LoaderRuns.await(turn.json, key, () -> turn.leader, patience));
  }

  /**
   * Leaves the turn to the others who wait for it. If there is none it goes as soon as it could
   * begin, and not before: whoever comes until then must still wait for the load that is under way.
   */
  private void leave(Turn turn, String key) {
    latest.computeIfPresent(
        key,
        (k, last) -> {
          turn.callers--;
          return last;
        });
    var unused =
        turn.previous.whenComplete(
            (json, failure) ->
                latest.computeIfPresent(
                    key, (k, last) -> last == turn && turn.callers == 0 ? null : last));
  }

  private @Nullable V lead(Turn turn, String key, Loader<? extends V> loader) {
    turn.leader = Thread.currentThread();
    try {
      counters.uncachedLoads.increment();
      Loaded<V> loaded = runs.run(key, loader);
      turn.json.complete(loaded.json());
      return loaded.value();
    } catch (Throwable t) {
      LoaderRuns.fail(turn.json, t);
      throw t;
    } finally {
      latest.remove(key, turn);
    }
  }

  private static Turn joined(@Nullable Turn last) {
    Turn turn = last;
    if (turn == null) {
      turn = new Turn(CompletableFuture.completedFuture(""), Owner.UNKNOWN);
    } else if (turn.begun.get()) {
      Turn previous = turn;
      turn = new Turn(previous.json, () -> previous.leader);
    }
    turn.callers++;
    return turn;
  }
}
