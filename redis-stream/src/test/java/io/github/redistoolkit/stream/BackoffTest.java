package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** By a clock that only the test moves. */
class BackoffTest {

  /** Where {@link System#nanoTime} overflows soon. */
  private long now = Long.MAX_VALUE - 1;

  private final Backoff backoff = new Backoff(() -> now);
  private final List<String> told = new ArrayList<>();

  private void fail() {
    backoff.failed(() -> told.add("away"));
  }

  private void succeed() {
    backoff.succeeded(away -> told.add("back after " + away.toMillis()));
  }

  private void pass(Duration time) {
    now += time.toNanos();
  }

  @Test
  void theFirstFailureIsToldAndTheFirstSuccessAfterIt() {
    succeed();
    assertThat(told, is(empty()));
    fail();
    pass(Duration.ofMillis(300));
    fail();
    pass(Duration.ofMillis(700));
    succeed();
    succeed();
    assertThat(told, contains("away", "back after 1000"));
    told.clear();
    fail();
    pass(Duration.ofMillis(5));
    succeed();
    assertThat(told, contains("away", "back after 5"));
  }

  @Test
  void thePauseDoublesUpToASecondAndIsSpreadOverItsSecondHalf() {
    long[] longest = {50, 100, 200, 400, 800, 1_000, 1_000};
    for (long millis : longest) {
      assertPauses(millis);
      fail();
    }
    for (int i = 0; i < 1_000; i++) {
      fail();
    }
    assertPauses(1_000);
    succeed();
    assertPauses(50);
  }

  private void assertPauses(long longestMillis) {
    long longest = TimeUnit.MILLISECONDS.toNanos(longestMillis);
    long[] pauses = LongStream.generate(backoff::pauseNanos).limit(1_000).sorted().toArray();
    assertThat(pauses[0], is(greaterThanOrEqualTo(longest / 2)));
    assertThat(pauses[0], is(lessThan(longest * 5 / 8)));
    assertThat(pauses[999], is(lessThan(longest)));
    assertThat(pauses[999], is(greaterThanOrEqualTo(longest * 7 / 8)));
  }
}
