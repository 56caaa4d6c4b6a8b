package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.github.redistoolkit.core.Renewable.Answer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** For how long a claim is renewed, by a clock that the test moves. */
class KeepAliveTest {

  private static final Duration AT_MOST = Duration.ofMinutes(10);
  private static final long LEASE = 1_000;
  private static final long KEEP = 50_000;

  /** Begins where the clock overflows soon. */
  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1);

  private final AtomicInteger steps = new AtomicInteger();
  private final KeepAlive kept =
      new KeepAlive(
          "key",
          Stored.claim("owner", KEEP, Stored.NO_FINGERPRINT),
          steps,
          LEASE,
          AT_MOST,
          nanos::get);

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
  }

  @Test
  void itIsRenewedForAsLongAsWasSaidAndNoLonger() {
    pass(AT_MOST.minusNanos(1));
    assertThat(kept.request(), is(notNullValue()));
    assertThat(steps.get(), is(1));
    pass(Duration.ofNanos(1));
    assertThat(kept.request(), is(nullValue()));
    assertThat(steps.get(), is(1));
  }

  @Test
  void whatTheOwnerAskedForIsNotCutShort() {
    kept.extended(Duration.ofSeconds(60));
    pass(Duration.ofSeconds(10));
    assertThat(kept.request().args(), hasItem(String.valueOf(50_000 + KEEP)));
    pass(Duration.ofSeconds(49).plusMillis(1));
    assertThat(kept.request().args(), hasItem(String.valueOf(LEASE + KEEP)));
  }

  @Test
  void whatRedisAnswersDecidesWhetherItGoesOn() {
    assertThat(kept.answered(List.of("extended"), nanos.get()), is(Answer.RENEWED));
    assertThat(kept.answered(List.of("lost"), nanos.get()), is(Answer.GONE));
  }
}
