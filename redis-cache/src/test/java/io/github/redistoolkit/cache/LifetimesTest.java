package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class LifetimesTest {

  @Test
  void aTtlIsAtLeastOneMillisecondAndAtMostOneHundredYears() {
    assertThat(Lifetimes.ttlMillis(Duration.ofMillis(1), "ttl"), is(1L));
    assertThat(Lifetimes.ttlMillis(Duration.ofNanos(1_999_999), "ttl"), is(1L));
    long hundredYears = Duration.ofDays(36_525).toMillis();
    assertThat(Lifetimes.ttlMillis(Duration.ofDays(36_525), "ttl"), is(hundredYears));
  }

  @Test
  void aTtlOutOfRangeIsRefusedByName() {
    Duration[] refused = {
      Duration.ZERO,
      Duration.ofMillis(-1),
      Duration.ofNanos(999_999),
      Duration.ofSeconds(Long.MIN_VALUE),
      Duration.ofDays(36_526),
      Duration.ofSeconds(Long.MAX_VALUE)
    };
    assertThrows(NullPointerException.class, () -> Lifetimes.ttlMillis(null, "theTtl"));
    for (Duration ttl : refused) {
      IllegalArgumentException failure =
          assertThrows(IllegalArgumentException.class, () -> Lifetimes.ttlMillis(ttl, "theTtl"));
      assertThat(failure.getMessage(), containsString("theTtl"));
      assertThat(failure.getMessage(), containsString(String.valueOf(ttl)));
    }
  }

  @Test
  void jitterOnlyShortens() {
    Lifetimes lifetimes = new Lifetimes(3000, 0, 0.5, 0);
    for (int i = 0; i < 1000; i++) {
      assertThat(
          lifetimes.fillMillis(1000, "value"),
          is(both(greaterThanOrEqualTo(500L)).and(lessThanOrEqualTo(1000L))));
      assertThat(lifetimes.fillMillis(1, "value"), is(1L));
    }
    assertThat(new Lifetimes(3000, 0, 0, 0).fillMillis(1000, "value"), is(1000L));
  }

  @Test
  void aNullLivesForItsOwnTime() {
    assertThat(new Lifetimes(3000, 50, 0, 0).fillMillis(1000, null), is(50L));
    assertThat(new Lifetimes(3000, 50, 0, 0).storesNull(), is(true));
    assertThat(new Lifetimes(3000, 0, 0, 0).storesNull(), is(false));
  }

  @Test
  void aLeaseIsKeptAsLongAsItsValueIsToLiveAndAtLeastForTwo() {
    Lifetimes lifetimes = new Lifetimes(3000, 0, 0, 0);
    assertThat(lifetimes.claim("lease", 5_999), is(new Store.Claim("lease", 3000, 6000)));
    assertThat(lifetimes.claim("lease", 6_001), is(new Store.Claim("lease", 3000, 6001)));
  }

  @Test
  void nobodyPausesWhereNothingStaleCanBeReturnedMeanwhile() {
    assertThat(new Lifetimes(3000, 0, 0, 0).pauseMillis(), is(0L));
    assertThat(new Lifetimes(3000, 0, 0, 1).pauseMillis(), is(3000L));
  }
}
