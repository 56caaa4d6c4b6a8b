package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

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
  static final class Turn {
    private final CompletableFuture<@Nullable String> previous;
    private final Owner previousOwner;
    private final AtomicBoolean begun = new AtomicBoolean();
    private final CompletableFuture<@Nullable String> json = new CompletableFuture<>();

    /** Touched only while the map computes. */
    private int callers;

    /** Who loads; null before it has begun, and if no thread does. */
    private volatile @Nullable Thread leader;

    private Turn(CompletableFuture<@Nullable String> previous, Owner previousOwner) {
      this.previous = previous;
      this.previousOwner = previousOwner;
    }

    /** Ends with the load after which this one begins. */
    CompletableFuture<@Nullable String> previous() {
      return previous;
    }

    /** Ends with this load. */
    CompletableFuture<@Nullable String> json() {
      return json;
    }

    /** Whether this caller is to load. */
    boolean begin(@Nullable Thread loading) {
      if (!begun.compareAndSet(false, true)) {
        return false;
      }
      leader = loading;
      return true;
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
    Turn turn = join(key);
    try {
      LoaderRuns.awaitEnd(turn.previous, key, turn.previousOwner, patience);
    } catch (RuntimeException gaveUp) {
      leave(turn, key);
      throw gaveUp;
    }
    if (turn.begin(Thread.currentThread())) {
      return lead(turn, key, loader);
    }
    String json = LoaderRuns.await(turn.json, key, () -> turn.leader, patience);
    return runs.copy(requireNonNull(json));
  }

  /** Joins the next load, which may be this caller's to begin once the one before it has ended. */
  Turn join(String key) {
    return requireNonNull(latest.compute(key, (k, last) -> joined(last)));
  }

  /**
   * Leaves the turn to the others who wait for it. If there is none it goes as soon as it could
   * begin, and not before: whoever comes until then must still wait for the load that is under way.
   */
  void leave(Turn turn, String key) {
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

  /** Whether nobody loads, nor waits for that. */
  boolean isIdle() {
    return latest.isEmpty();
  }

  private @Nullable V lead(Turn turn, String key, Loader<? extends V> loader) {
    try {
      counters.uncachedLoads.increment();
      Loaded<V> loaded = runs.run(key, loader);
      end(turn, key, loaded);
      return loaded.value();
    } catch (Throwable t) {
      fail(turn, key, t);
      throw t;
    }
  }

  void end(Turn turn, String key, Loaded<V> loaded) {
    turn.json.complete(loaded.json());
    latest.remove(key, turn);
  }

  void fail(Turn turn, String key, Throwable failure) {
    LoaderRuns.fail(turn.json, failure);
    latest.remove(key, turn);
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
