package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class StreamIdsTest {

  private static final String LARGEST = "18446744073709551615-18446744073709551615";

  @Test
  void takesIdsOfTwice64BitsAndNothingElse() {
    assertThat(StreamIds.require("0-0", "id"), is("0-0"));
    assertThat(StreamIds.require("007-01", "id"), is("7-1"));
    assertThat(StreamIds.require(LARGEST, "id"), is(LARGEST));
    for (String bad :
        List.of(
            "", "1", "1-", "-1", "$", "1-2-3", "a-1", "1-18446744073709551616", "1-1 ", "+1-1")) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> StreamIds.require(bad, "theId"));
      assertThat(e.getMessage(), containsString("theId"));
      assertThat(e.getMessage(), containsString("\"" + bad + "\""));
    }
    assertThrows(NullPointerException.class, () -> StreamIds.require(null, "id"));
  }

  @Test
  void quotesNoLongTexts() {
    String bad = "x".repeat(100_000);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> StreamIds.require(bad, "id"));
    assertThat(
        e.getMessage(), startsWith("id must be an id such as 1700000000000-0, but is \"xxx"));
    assertThat(e.getMessage(), endsWith("(100000 characters)\""));
    assertThat(e.getMessage().length(), is(lessThan(1_000)));
  }

  @Test
  void comparesByNumbers() {
    assertThat(StreamIds.compare("9-1", "10-0"), is(lessThan(0)));
    assertThat(StreamIds.compare("10-9", "10-10"), is(lessThan(0)));
    assertThat(StreamIds.compare(LARGEST, "5-5"), is(greaterThan(0)));
    assertThat(StreamIds.compare("5-5", "5-5"), is(0));
    assertThat(StreamIds.later("5-5", "5-6"), is("5-6"));
    assertThat(StreamIds.later("6-0", "5-6"), is("6-0"));
  }

  @Test
  void findsTheIdBefore() {
    assertThat(StreamIds.before("5-5"), is("5-4"));
    assertThat(StreamIds.before("5-0"), is("4-18446744073709551615"));
    assertThat(StreamIds.before("0-0"), is("0-0"));
  }

  @Test
  void readsTheTime() {
    assertThat(StreamIds.time("1700000000123-4"), is(Instant.ofEpochMilli(1_700_000_000_123L)));
    assertThat(StreamIds.time(LARGEST), is(Instant.ofEpochMilli(Long.MAX_VALUE)));
    assertThat(StreamIds.time("0-1"), is(Instant.EPOCH));
  }

  @Test
  void aTimeIsThePlaceBeforeItsFirstMillisecond() {
    assertThat(
        StartingPoint.time(Instant.ofEpochMilli(1_000)).after(), is("999-18446744073709551615"));
    assertThat(
        StartingPoint.time(Instant.ofEpochMilli(1_000).plusNanos(1)).after(),
        is("1000-18446744073709551615"));
    assertThat(StartingPoint.time(Instant.EPOCH), is(StartingPoint.START));
    assertThrows(IllegalArgumentException.class, () -> From.time(Instant.EPOCH.minusMillis(1)));
    assertThrows(IllegalArgumentException.class, () -> From.time(Instant.MAX));
    assertThrows(NullPointerException.class, () -> From.time(null));
  }
}
