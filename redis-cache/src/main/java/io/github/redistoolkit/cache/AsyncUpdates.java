package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Updates of the database that no thread waits for; Redis is asked by those of an executor. */
final class AsyncUpdates {

  private final Executor executor;

  AsyncUpdates(Executor executor) {
    this.executor = executor;
  }

  /** Begins an update, has the database written, and ends the update whatever became of that. */
  <R extends @Nullable Object> CompletableFuture<R> run(
      Supplier<CacheUpdate> begin, Callable<? extends CompletionStage<? extends R>> write) {
    CompletableFuture<R> result = new CompletableFuture<>();
    try {
      executor.execute(() -> write(result, begin, write));
    } catch (RuntimeException | Error e) { // an executor may refuse by whatever it likes
      result.completeExceptionally(e);
    }
    return result;
  }

  private <R extends @Nullable Object> void write(
      CompletableFuture<R> result,
      Supplier<CacheUpdate> begin,
      Callable<? extends CompletionStage<? extends R>> write) {
    CacheUpdate update;
    try {
      update = begin.get();
    } catch (Throwable t) {
      result.completeExceptionally(t);
      return;
    }
    var unused =
        begun(write).whenComplete((value, failure) -> endSoon(result, update, value, failure));
  }

  /** Ends as what the write returns does, which may be a stage of any making. */
  private static <R extends @Nullable Object> CompletableFuture<R> begun(
      Callable<? extends CompletionStage<? extends R>> write) {
    try {
      CompletableFuture<R> ended = new CompletableFuture<>();
      var unused =
          requireNonNull(write.call(), "what the database write returned")
              .whenComplete(
                  (value, failure) -> {
                    if (failure == null) {
                      ended.complete(value);
                    } else {
                      ended.completeExceptionally(failure);
                    }
                  });
      return ended;
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        Thread.currentThread().interrupt(); // It was this thread that was.
      }
      return CompletableFuture.failedFuture(t);
    }
  }

  /** Ends it on the executor, or if that is not to be had in the background. */
  private <R extends @Nullable Object> void endSoon(
      CompletableFuture<R> result, CacheUpdate update, R value, @Nullable Throwable failure) {
    try {
      executor.execute(() -> end(result, value, failure, () -> update.end(value)));
    } catch (RuntimeException | Error e) {
      end(result, value, failure, () -> update.endLater(value, e));
    }
  }

  private static <R extends @Nullable Object> void end(
      CompletableFuture<R> result, R value, @Nullable Throwable failure, Runnable ending) {
    Throwable thrown = failure == null ? null : thrown(failure);
    try {
      ending.run();
    } catch (Throwable t) {
      if (thrown == null) {
        thrown = t;
      } else if (t instanceof CacheInvalidationException && t.getCause() != null) {
        thrown.addSuppressed(t.getCause());
      } else {
        thrown.addSuppressed(t);
      }
    }
    if (thrown == null) {
      result.complete(value);
    } else {
      result.completeExceptionally(thrown);
    }
  }

  /** A stage that depends on another one ends with the failure of that in an exception. */
  private static Throwable thrown(Throwable failure) {
    Throwable cause = failure.getCause();
    return failure instanceof CompletionException && cause != null ? cause : failure;
  }
}
