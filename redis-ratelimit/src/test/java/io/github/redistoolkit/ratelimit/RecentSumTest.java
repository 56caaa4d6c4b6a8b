package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RecentSumTest {

  private static final long PERIOD = 6400;

  private record Added(long value, long nanos) {}

  @Test
  void holdsWhatWasAddedInTheLastPeriodExceptSomeOfTheOldest() {
    Random random = new Random(1);
    // Any time of the system's clock, which may overflow.
    for (long start : new long[] {0, -1_000_000, Long.MAX_VALUE / 2, Long.MIN_VALUE / 2}) {
      RecentSum sum = new RecentSum(PERIOD, start);
      List<Added> all = new ArrayList<>();
      long now = start;
      for (int i = 0; i < 2000; i++) {
        now += random.nextInt(50) == 0 ? random.nextLong(3 * PERIOD) : random.nextLong(300);
        long value = random.nextLong(100);
        sum.add(value, now);
        all.add(new Added(value, now));
        assertThat(
            sum.at(now),
            is(
                allOf(
                    lessThanOrEqualTo(since(all, now - PERIOD)),
                    greaterThanOrEqualTo(since(all, now - PERIOD * 63 / 64)))));
      }
    }
  }

  @Test
  void whatIsGivenBackIsTakenOffButNeverBelowNothing() {
    RecentSum sum = new RecentSum(PERIOD, 0);
    sum.add(10, 0);
    sum.add(-4, 1);
    assertThat(sum.at(2), is(6L));
    sum.add(-10, 3);
    assertThat(sum.at(4), is(0L));
  }

  @Test
  void nothingIsLeftOfWhatWasClearedNorMissingLater() {
    RecentSum sum = new RecentSum(PERIOD, 0);
    sum.add(10, 0);
    sum.clear();
    assertThat(sum.at(1), is(0L));
    sum.add(3, PERIOD / 2);
    assertThat(sum.at(PERIOD + PERIOD / 4), is(3L));
  }

  @Test
  void aClockThatSeemsToGoBackForgetsNothing() {
    RecentSum sum = new RecentSum(PERIOD, PERIOD);
    sum.add(5, PERIOD);
    sum.add(2, 0);
    assertThat(sum.at(0), is(7L));
    assertThat(sum.at(PERIOD + PERIOD * 63 / 64), is(7L));
    assertThat(sum.at(2 * PERIOD), is(0L));
  }

  private static long since(List<Added> all, long begin) {
    return all.stream().filter(each -> each.nanos() > begin).mapToLong(Added::value).sum();
  }
}
