package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LoaderRuns.Loaded;
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
  private record Turn(
      CompletableFuture<String> previous, AtomicBoolean begun, CompletableFuture<String> json) {

    static Turn after(CompletableFuture<String> previous) {
      return new Turn(previous, new AtomicBoolean(), new CompletableFuture<>());
    }
  }

  private final LoaderRuns<V> runs;
  private final Counters counters;
  private final ConcurrentMap<String, Turn> latest = new ConcurrentHashMap<>();

  LocalLoads(LoaderRuns<V> runs, Counters counters) {
    this.runs = runs;
    this.counters = counters;
  }

  @Nullable V get(String key, Loader<? extends V> loader) {
    Turn turn = latest.compute(key, (k, last) -> joinable(last));
    try {
      LoaderRuns.awaitEnd(turn.previous());
    } catch (RuntimeException interrupted) {
      // Others who wait for this turn still take it; if there is none, nobody would remove it.
      latest.remove(key, turn);
      throw interrupted;
    }
    return turn.begun().compareAndSet(false, true)
        ? lead(turn, key, loader)
        : runs.join(turn.json());
  }

  private @Nullable V lead(Turn turn, String key, Loader<? extends V> loader) {
    try {
      counters.uncachedLoads.increment();
      Loaded<V> loaded = runs.run(key, loader);
      turn.json().complete(loaded.json());
      return loaded.value();
    } catch (Throwable t) {
      LoaderRuns.fail(turn.json(), t);
      throw t;
    } finally {
      latest.remove(key, turn);
    }
  }

  private static Turn joinable(@Nullable Turn last) {
    if (last == null) {
      return Turn.after(CompletableFuture.completedFuture(""));
    }
    return last.begun().get() ? Turn.after(last.json()) : last;
  }
}
