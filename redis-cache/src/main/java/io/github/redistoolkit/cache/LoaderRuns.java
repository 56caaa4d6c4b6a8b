package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.stream.Collectors;
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
  private final Ticker ticker;

  LoaderRuns(Codec<V> codec, Counters counters, Ticker ticker) {
    this.codec = codec;
    this.counters = counters;
    this.ticker = ticker;
  }

  /**
   * Refuses to load a key within its own loader, which would wait for itself.
   *
   * @throws IllegalStateException if this thread is loading the key
   */
  void requireNotLoading(String key) {
    requireNotAmong(loading(), key);
  }

  /** The keys that this thread is loading. */
  Set<String> loading() {
    Set<Running> running = LOADING.get();
    return running == null
        ? Set.of()
        : running.stream()
            .filter(one -> one.cache() == this)
            .map(Running::key)
            .collect(Collectors.toSet());
  }

  /** The same for what a thread was loading. */
  static void requireNotAmong(Set<String> loading, String key) {
    if (loading.contains(key)) {
      throw new IllegalStateException(
          "the loader of key " + EventLog.escape(key) + " asks for the same key");
    }
  }

  /**
   * Runs the loader.
   *
   * @throws RuntimeException as the loader throws it; a checked exception in a CompletionException
   */
  Loaded<V> run(String key, Loader<? extends V> loader) {
    return within(
        List.of(key),
        () -> {
          V value = loader.load();
          return new Loaded<>(value, codec.encode(value));
        });
  }

  long now() {
    return ticker.nanoTime();
  }

  /**
   * Begins a loader that ends later; {@link #ended} is to be told.
   *
   * @return what ends with it; never throws
   */
  CompletableFuture<? extends @Nullable V> begin(String key, AsyncLoader<? extends V> loader) {
    enter(key);
    try {
      return requireNonNull(loader.load(), "what the loader returned").toCompletableFuture();
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        Thread.currentThread().interrupt(); // It was this thread that was.
      }
      return CompletableFuture.failedFuture(t);
    } finally {
      leave(key);
    }
  }

  /**
   * Takes what a loader that was begun so has given.
   *
   * @throws RuntimeException as it failed; a checked exception in a CompletionException
   */
  Loaded<V> ended(String key, long start, @Nullable V value, @Nullable Throwable failure) {
    return counted(
        List.of(key),
        start,
        () -> {
          if (failure != null) {
            throw thrown(failure);
          }
          return loaded(value);
        },
        LoaderRuns::wrapped); // Whoever was interrupted, it was not this thread.
  }

  /** A stage that depends on another one ends with the failure of that in an exception. */
  private static Exception thrown(Throwable failure) {
    Throwable cause = failure.getCause();
    Throwable thrown = failure instanceof CompletionException && cause != null ? cause : failure;
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof Exception e ? e : new CompletionException(thrown);
  }

  /** Runs a loader of many keys, and returns what it gave for each of them. */
  Map<String, Loaded<V>> runAll(List<String> keys, BulkLoader<? extends V> loader) {
    return within(
        keys,
        () -> {
          Map<String, ? extends V> values = loader.load(new LinkedHashSet<>(keys));
          Map<String, Loaded<V>> loaded = new LinkedHashMap<>();
          for (String key : keys) {
            V value = values.get(key);
            loaded.put(key, new Loaded<>(value, codec.encode(value)));
          }
          return loaded;
        });
  }

  private <T> T within(List<String> keys, Callable<T> loader) {
    keys.forEach(this::enter);
    try {
      return counted(keys, now(), loader, LoaderRuns::unchecked);
    } finally {
      keys.forEach(this::leave);
    }
  }

  private <T> T counted(
      List<String> keys,
      long start,
      Callable<T> loader,
      Function<Exception, RuntimeException> thrown) {
    try {
      T loaded = loader.call();
      Duration took = Duration.ofNanos(now() - start);
      counters.loads.add(keys.size());
      keys.forEach(key -> counters.tell(listener -> listener.onLoad(key, took)));
      return loaded;
    } catch (Throwable failure) {
      counters.loadFailures.add(keys.size());
      keys.forEach(key -> counters.tell(listener -> listener.onLoadFailure(key, failure)));
      if (failure instanceof Error error) {
        throw error;
      }
      throw thrown.apply((Exception) failure);
    } finally {
      counters.loadNanos.add(now() - start);
    }
  }

  /** Returns the exception to throw in place of one that may be checked, thrown by this thread. */
  static RuntimeException unchecked(Exception e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
    return wrapped(e);
  }

  private static RuntimeException wrapped(Exception e) {
    return e instanceof RuntimeException unchecked ? unchecked : new CompletionException(e);
  }

  /**
   * Ends what others {@link #await}, for the reason that this caller is about to throw.
   *
   * <p>A future strips one {@link CompletionException} from its failure, which may be the caller's.
   */
  static void fail(CompletableFuture<?> future, Throwable failure) {
    future.completeExceptionally(new CompletionException(failure));
  }

  /** Who will end what is waited for, if that is known: a thread of this JVM. */
  @FunctionalInterface
  interface Owner {
    @Nullable Thread thread();

    Owner UNKNOWN = () -> null;
  }

  /** What threads wait for that are within a loader themselves. */
  private static final ConcurrentMap<Thread, Owner> WAITING = new ConcurrentHashMap<>();

  /**
   * Waits for what another caller of this JVM does.
   *
   * @throws RuntimeException the very exception that ended it
   * @throws CacheTimeoutException if it takes too long
   * @throws IllegalStateException if that caller waits for this one
   */
  static <T> T await(CompletableFuture<T> future, String key, Owner owner, Patience patience) {
    boolean within = LOADING.get() != null;
    Thread self = Thread.currentThread();
    try {
      if (within) {
        WAITING.put(self, owner);
        requireNoCircle(self, owner, key); // once it can be seen by others who look
      }
      return future.get(patience.requireNanosLeft(key), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      self.interrupt();
      throw new CompletionException("interrupted while another caller loads the key", e);
    } catch (TimeoutException e) {
      throw new CacheTimeoutException(key, patience.maxWait());
    } catch (ExecutionException e) {
      throw same(e);
    } finally {
      if (within) {
        WAITING.remove(self);
      }
    }
  }

  private static void requireNoCircle(Thread self, Owner first, String key) {
    Thread owner = first.thread();
    for (int most = WAITING.size(); owner != null && most >= 0; most--) {
      if (owner == self) {
        throw new IllegalStateException(
            "the loader of another caller, who loads key "
                + EventLog.escape(key)
                + ", waits for this one's");
      }
      Owner next = WAITING.get(owner);
      owner = next == null ? null : next.thread();
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
  static void awaitEnd(CompletableFuture<?> future, String key, Owner owner, Patience patience) {
    boolean ended = await(future.handle((result, failure) -> true), key, owner, patience);
    assert ended;
  }

  /** What is passed on in place of what a loader did not give. */
  Loaded<V> loaded(@Nullable V value) {
    return new Loaded<>(value, codec.encode(value));
  }

  /** Decodes a copy of what another caller's load gave. */
  @Nullable V copy(String json) {
    return codec.decode(json);
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
