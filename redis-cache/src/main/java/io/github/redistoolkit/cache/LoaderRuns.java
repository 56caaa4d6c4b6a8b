package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** Runs loaders on the calling thread, and passes what they give to those who wait for it. */
final class LoaderRuns<V> {

  /** What a loader gave, and the JSON of it from which each joiner decodes a copy of its own. */
  record Loaded<V>(@Nullable V value, String json) {}

  /** A key of one cache. */
  private record Running(LoaderRuns<?> cache, String key) {}

  /** What this thread is loading; unset if nothing. */
  private static final ThreadLocal<Set<Running>> LOADING = new ThreadLocal<>();

  private final Codec<V> codec;
  private final Counters counters;

  LoaderRuns(Codec<V> codec, Counters counters) {
    this.codec = codec;
    this.counters = counters;
  }

  /**
   * Refuses to load a key within its own loader, which would wait for itself.
   *
   * @throws IllegalStateException if this thread is loading the key
   */
  void requireNotLoading(String key) {
    Set<Running> running = LOADING.get();
    if (running != null && running.contains(new Running(this, key))) {
      throw new IllegalStateException("the loader of key " + key + " asks for the same key");
    }
  }

  /**
   * Runs the loader.
   *
   * @throws RuntimeException as the loader throws it; a checked exception in a CompletionException
   */
  Loaded<V> run(String key, Loader<? extends V> loader) {
    long start = System.nanoTime();
    boolean ended = false;
    enter(key);
    try {
      V value = loader.load();
      Loaded<V> loaded = new Loaded<>(value, codec.encode(value));
      ended = true;
      return loaded;
    } catch (Exception e) {
      throw unchecked(e);
    } finally {
      leave(key);
      counters.loadNanos.add(System.nanoTime() - start);
      (ended ? counters.loads : counters.loadFailures).increment();
    }
  }

  /** Returns the exception to throw in place of one that may be checked. */
  static RuntimeException unchecked(Exception e) {
    if (e instanceof RuntimeException unchecked) {
      return unchecked;
    }
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
    return new CompletionException(e);
  }

  /**
   * Ends what others {@link #await}, for the reason that this caller is about to throw.
   *
   * <p>A future strips one {@link CompletionException} from its failure, which may be the caller's.
   */
  static void fail(CompletableFuture<?> future, Throwable failure) {
    future.completeExceptionally(new CompletionException(failure));
  }

  /**
   * Waits for what another caller of this JVM does.
   *
   * @throws RuntimeException the very exception that ended it
   */
  static <T> T await(CompletableFuture<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CompletionException("interrupted while another caller loads the key", e);
    } catch (ExecutionException e) {
      throw same(e);
    }
  }

  /** Returns what a task threw that throws nothing checked; an Error is thrown at once. */
  static RuntimeException same(ExecutionException e) {
    if (e.getCause() instanceof Error error) {
      throw error;
    }
    return (RuntimeException) requireNonNull(e.getCause());
  }

  /** Waits until another caller's load has ended, however it ended. */
  static void awaitEnd(CompletableFuture<?> future) {
    boolean ended = await(future.handle((result, failure) -> true));
    assert ended;
  }

  /** Waits for another caller's load, and decodes a copy of what it gave. */
  @Nullable V join(CompletableFuture<String> json) {
    return codec.decode(await(json));
  }

  private void enter(String key) {
    Set<Running> running = LOADING.get();
    if (running == null) {
      running = new HashSet<>();
      LOADING.set(running);
    }
    running.add(new Running(this, key));
  }

  private void leave(String key) {
    Set<Running> running = LOADING.get();
    if (running != null) {
      running.remove(new Running(this, key));
      if (running.isEmpty()) {
        LOADING.remove();
      }
    }
  }
}
