package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArgumentsTest {

  private static final Duration HOUR = Duration.ofHours(1);

  @ParameterizedTest
  @ValueSource(
      strings = {"PT0S", "PT-1S", "PT0.000999999S", "PT1H0.000000001S", "PT2562047788015H"})
  void refusesADurationOutOfBoundsAndNamesIt(Duration value) {
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> Arguments.requireDuration(value, "ttl", HOUR));
    assertThat(e.getMessage(), containsString("ttl"));
    assertThat(e.getMessage(), containsString(value.toString()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0.001S", "PT1H"})
  void takesTheBoundsOfADurationThemselves(Duration value) {
    assertThat(Arguments.requireDuration(value, "ttl", HOUR), is(sameInstance(value)));
  }

  @Test
  void namesTheArgumentThatIsNull() {
    assertThat(
        assertThrows(
                NullPointerException.class, () -> Arguments.requireDuration(null, "lease", HOUR))
            .getMessage(),
        is("lease"));
    assertThat(
        assertThrows(NullPointerException.class, () -> Arguments.requireText(null, "key"))
            .getMessage(),
        is("key"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\uD83D", "a\uDE00", "\uDE00\uD83D", "ok\uD83Dok"})
  void refusesTextThatRedisCouldNotKeepApart(String text) {
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> Arguments.requireText(text, "requestId"));
    assertThat(e.getMessage(), containsString("requestId"));
  }

  @ParameterizedTest
  @ValueSource(strings = {" ", "a", "\u0000", "\uD83D\uDE00", "{}", "user:1\r\nDEL x"})
  void takesAnyTextThatUtf8CanCarry(String text) {
    assertThat(Arguments.requireText(text, "key"), is(text));
  }

  @Test
  void refusesANumberOutOfRangeAndNamesIt() {
    assertThat(Arguments.requireRange(1, "permits", 1, 3), is(1L));
    assertThat(Arguments.requireRange(3, "permits", 1, 3), is(3L));
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> Arguments.requireRange(4, "permits", 1, 3));
    assertThat(e.getMessage(), is("permits must be from 1 to 3, but is 4"));
    assertThrows(IllegalArgumentException.class, () -> Arguments.requireRange(0, "permits", 1, 3));
  }
}
