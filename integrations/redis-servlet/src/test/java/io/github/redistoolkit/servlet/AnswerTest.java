package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import io.github.redistoolkit.servlet.Answer.Field;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AnswerTest {

  private static final byte[] ALL_BYTES = new byte[256];

  static {
    for (int i = 0; i < ALL_BYTES.length; i++) {
      ALL_BYTES[i] = (byte) i;
    }
  }

  @Test
  void readsBackAsItWas() {
    sameAgain(new Answer(204, false, List.of(), new byte[0]));
    sameAgain(new Answer(404, true, List.of(), new byte[] {'n', 'o'}));
    sameAgain(
        new Answer(
            201,
            false,
            List.of(
                new Field("Content-Type", "text/plain;charset=UTF-8"),
                new Field("ETag", "\"a:b\""),
                new Field("Link", "<1>"),
                new Field("Link", "")),
            ALL_BYTES));
  }

  private static void sameAgain(Answer answer) {
    Answer read = Answer.decode(answer.encode());
    assertThat(read.status(), is(answer.status()));
    assertThat(read.error(), is(answer.error()));
    assertThat(read.fields(), is(answer.fields()));
    assertThat(read.body(), is(answer.body()));
  }

  @Test
  void keepsNoFieldThatWouldBeTwo() {
    Answer split =
        new Answer(200, false, List.of(new Field("Location", "/a\r\nSet-Cookie: b")), ALL_BYTES);
    assertThat(Answer.decode(split.encode()).fields(), is(List.of()));
  }

  @Test
  void isNotEncodedIfItIsTooLarge() {
    byte[] large = new byte[Answer.LARGEST_KEPT + 1];
    assertThat(new Answer(200, false, List.of(), large).encode(), is(nullValue()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "1 200", "2 200\n\n", "1 ok\n\n", "1 200\nLocation\n\n", "1 200\n\n***"})
  void isNotReadFromSomethingElse(String text) {
    assertThat(Answer.decode(text), is(nullValue()));
  }
}
