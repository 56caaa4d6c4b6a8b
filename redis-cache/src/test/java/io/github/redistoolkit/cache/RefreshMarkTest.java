package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

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
    assertThat(isMarked(""), is(false));
    assertThat(isMarked("{} "), is(false));
  }
}
