package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import org.junit.jupiter.api.Test;

/** How often something is done, by a clock that only the test moves. */
class PaceTest {

  /** Where {@link System#nanoTime} overflows soon. */
  private long now = Long.MAX_VALUE - 5;

  private final Pace pace = new Pace(() -> now, 10);

  @Test
  void isDueOnceInAWhileHoweverOftenItIsAsked() {
    assertThat(pace.isDue(), is(false));
    now += 9;
    assertThat(pace.isDue(), is(false));
    now += 1;
    assertThat(pace.isDue(), is(true));
    assertThat(pace.isDue(), is(false));
    now += 25;
    assertThat(pace.isDue(), is(true));
    assertThat(pace.isDue(), is(false));
    now += 9;
    assertThat(pace.isDue(), is(false));
  }
}
