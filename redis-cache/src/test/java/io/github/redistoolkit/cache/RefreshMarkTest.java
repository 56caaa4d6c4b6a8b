package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import org.junit.jupiter.api.Test;

class RefreshMarkTest {

  private static boolean isMarked(String text) {
    return RefreshMark.isAtEndOf(text.getBytes(UTF_8));
  }

  @Test
  void onlyWhatARefreshWroteIsAMark() {
    String mark = RefreshMark.SIGN + RefreshMark.newToken() + RefreshMark.newToken();
    assertThat(isMarked("1" + mark), is(true));
    assertThat(RefreshMark.without(("1" + mark).getBytes(UTF_8)), is("1".getBytes(UTF_8)));
    assertThat("nothing is left", isMarked(mark), is(false));
    assertThat(isMarked("1" + mark + "\n"), is(false));
    assertThat(isMarked("1" + " ".repeat(200)), is(false));
    assertThat(isMarked("1" + RefreshMark.SIGN + "x" + mark.substring(5)), is(false));
    assertThat("another sign", isMarked("1\n\t\n " + mark.substring(4)), is(false));
    assertThat(
        "no bit at its end", isMarked("1" + mark.substring(0, mark.length() - 1) + "x"), is(false));
    assertThat(
        "nor in its middle",
        isMarked("1" + mark.substring(0, 60) + "x" + mark.substring(61)),
        is(false));
    assertThat(isMarked(""), is(false));
    assertThat(isMarked("{} "), is(false));
  }

  @Test
  void namesAreAsLongAsTheyShouldBeOfBitsAndDiffer() {
    String token = RefreshMark.newToken();
    assertThat(token.matches("[ \t]{48}"), is(true));
    assertThat(RefreshMark.newToken(), is(not(token)));
    long ones = 0;
    for (int i = 0; i < 100; i++) {
      ones += RefreshMark.newToken().chars().filter(bit -> bit == '\t').count();
    }
    assertThat("some of each", ones > 1_000 && ones < 3_800, is(true));
  }
}
