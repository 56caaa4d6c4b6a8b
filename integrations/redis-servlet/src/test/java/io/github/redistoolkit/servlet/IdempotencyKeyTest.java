package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IdempotencyKeyTest {

  @Test
  void isTheStringInTheQuotes() {
    assertThat(IdempotencyKey.parse("\"8e03978e-40d5\""), is("8e03978e-40d5"));
    assertThat(IdempotencyKey.parse("  \"a b\" "), is("a b"));
    assertThat(IdempotencyKey.parse("\" \""), is(" "));
    assertThat(IdempotencyKey.parse("\"" + "k".repeat(255) + "\""), is("k".repeat(255)));
  }

  @Test
  void mayHaveQuotesAndBackslashesThatAreEscaped() {
    assertThat(IdempotencyKey.parse("\"a\\\"b\\\\\""), is("a\"b\\"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "key",
        "\"",
        "\"\"",
        "'key'",
        "\"key",
        "key\"",
        "\"a\"b\"",
        "\"a\\\"",
        "\"a\\n\"",
        "\"ä\"",
        "\"a\tb\"",
        "\"a\u007f\"",
        "\"a\", \"b\"",
        "\"a\";p=1",
        "?1",
        ":aGk=:",
        "\"\\\""
      })
  void isMalformed(String value) {
    assertThat(IdempotencyKey.parse(value), is(nullValue()));
  }

  @Test
  void isTooLong() {
    assertThat(IdempotencyKey.parse("\"" + "k".repeat(256) + "\""), is(nullValue()));
  }
}
