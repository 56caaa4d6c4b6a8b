package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import redis.clients.jedis.exceptions.JedisException;

class DecisionTest {

  private static final Limit LIMIT = Limit.of(3, Duration.ofMinutes(1));

  @ParameterizedTest
  @CsvSource({"PT0S, 0", "PT0.000000001S, 1", "PT0.999S, 1", "PT1S, 1", "PT1.000001S, 2"})
  void retryAfterIsRoundedUpToWholeSeconds(Duration retryAfter, long seconds) {
    Decision decision = refused(Optional.of(retryAfter));
    assertThat(decision.retryAfterSeconds(), is(OptionalLong.of(seconds)));
    assertThat(
        new Decision.OfLimit(LIMIT, 0, Optional.empty(), retryAfter).resetAfterSeconds(),
        is(seconds));
    Duration full = retryAfter.plusMinutes(1);
    assertThat(
        new Decision.OfLimit(LIMIT, 0, Optional.of(retryAfter), full).retryAfterSeconds(),
        is(OptionalLong.of(seconds)));
  }

  @Test
  void neverHasNoSeconds() {
    assertThat(Decision.never(LIMIT).retryAfterSeconds(), is(OptionalLong.empty()));
    assertThat(
        new Decision.OfLimit(LIMIT, 0, Optional.empty(), Duration.ZERO).retryAfterSeconds(),
        is(OptionalLong.empty()));
  }

  @Test
  void tellsHowItCameOut() {
    assertThat(refused(Optional.empty()).outcome(), is(Decision.Outcome.REFUSED));
    JedisException cause = new JedisException("away");
    for (boolean allowed : new boolean[] {true, false}) {
      Decision degraded = Decision.degraded(allowed, LIMIT, cause);
      assertThat(degraded.outcome(), is(Decision.Outcome.DEGRADED));
      assertThat(degraded.degraded(), is(true));
      assertThat(degraded.cause(), is(Optional.of(cause)));
    }
  }

  private static Decision refused(Optional<Duration> retryAfter) {
    return new Decision(false, LIMIT, 0, retryAfter, Duration.ZERO, List.of(), Optional.empty());
  }
}
