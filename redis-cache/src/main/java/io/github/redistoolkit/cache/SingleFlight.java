package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.LoaderRuns.Owner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Has one caller of this JVM do what several would do at the same time; the others wait for it. */
final class SingleFlight {

  private final ConcurrentMap<String, CompletableFuture<Boolean>> flights =
      new ConcurrentHashMap<>();

  /**
   * Does what another caller is not doing already, or waits until that one has.
   *
   * @param key what they have in common
   * @param flight done by the first caller
   * @return what it returned; null to those who waited
   * @throws CacheTimeoutException if the other caller takes too long
   */
  <T> @Nullable T first(String key, Patience patience, Supplier<@Nullable T> flight) {
    CompletableFuture<Boolean> mine = new CompletableFuture<>();
    CompletableFuture<Boolean> other = join(key, mine);
    if (other != null) {
      LoaderRuns.awaitEnd(other, key, Owner.UNKNOWN, patience);
      return null;
    }
    try {
      return flight.get();
    } finally {
      land(key, mine);
    }
  }

  /** The flight of another caller; null if there is none, and then this one has begun. */
  @Nullable CompletableFuture<Boolean> join(String key, CompletableFuture<Boolean> mine) {
    return flights.putIfAbsent(key, mine);
  }

  /** Ends a flight that has begun so. */
  void land(String key, CompletableFuture<Boolean> mine) {
    flights.remove(key, mine);
    mine.complete(true);
  }
}
