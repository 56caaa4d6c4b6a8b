package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.ratelimit.Limit;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;

class LimitTextTest {

  private static final String PROPERTY = "redis.toolkit.ratelimit.limits.api";

  @Test
  void isOneLimitOrSeveral() {
    assertThat(
        LimitText.parse(PROPERTY, "100/1m"),
        is(List.of(Limit.of(100, Duration.ofMinutes(1)).named("100-per-1m"))));
    assertThat(
        LimitText.parse(PROPERTY, " 10 / 500ms , 100/1h"),
        is(
            List.of(
                Limit.of(10, Duration.ofMillis(500)).named("10-per-500ms"),
                Limit.of(100, Duration.ofHours(1)).named("100-per-1h"))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "100",
        "100/",
        "/1m",
        "100/1m/2",
        "1.5/1m",
        "-1/1m",
        "100/1 fortnight",
        "100/60",
        "100/+60s",
        "1/1m;2/1h",
        "1/400d"
      })
  void isRefusedWithTheProperty(String text) {
    InvalidConfigurationPropertyValueException e =
        assertThrows(
            InvalidConfigurationPropertyValueException.class,
            () -> LimitText.parse(PROPERTY, text));
    assertThat(e.getName(), is(PROPERTY));
    assertThat(e.getMessage(), containsString(PROPERTY));
  }
}
