package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class HoldTest {

  @Test
  void aLeaseIsCertainForOnePerCentAndTwoMillisecondsLess() {
    assertThat(Hold.certainNanos(1_000), is(TimeUnit.MILLISECONDS.toNanos(988)));
    assertThat(Hold.certainNanos(1), is(-1_010_000L));
    long year = TimeUnit.DAYS.toMillis(365);
    assertThat(Hold.certainNanos(year), is(TimeUnit.MILLISECONDS.toNanos(year * 99 / 100 - 2)));
  }
}
