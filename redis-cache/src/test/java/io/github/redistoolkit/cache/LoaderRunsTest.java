package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.Ticker;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Loaders that are interrupted: which threads learn of it. */
class LoaderRunsTest {

  private final InterruptedException interrupt = new InterruptedException("on purpose");
  private final LoaderRuns<Integer> runs =
      new LoaderRuns<>(
          new Codec<>(Json.standard(), TypeToken.get(Integer.class)),
          new Counters(new CacheListener() {}),
          Ticker.system());

  @AfterEach
  void isNotInterruptedAnyMore() {
    boolean unused = Thread.interrupted();
  }

  @Test
  void aFutureThatWasInterruptedElsewhereInterruptsNoThreadHere() {
    CompletionException failure =
        assertThrows(CompletionException.class, () -> runs.ended("k", runs.now(), null, interrupt));
    assertThat(failure.getCause(), is(sameInstance(interrupt)));
    assertThat(Thread.interrupted(), is(false));
  }

  @Test
  void aLoaderThatIsInterruptedInterruptsTheThreadThatRunsIt() {
    CompletionException failure =
        assertThrows(
            CompletionException.class,
            () ->
                runs.run(
                    "k",
                    () -> {
                      throw interrupt;
                    }));
    assertThat(failure.getCause(), is(sameInstance(interrupt)));
    assertThat(Thread.interrupted(), is(true));
  }

  @Test
  void oneThatIsInterruptedAsItBeginsInterruptsTheThreadThatBeginsIt() {
    CompletableFuture<? extends Integer> begun =
        runs.begin(
            "k",
            () -> {
              throw interrupt;
            });
    assertThat(Thread.interrupted(), is(true));
    assertThat(begun.isCompletedExceptionally(), is(true));
  }
}
