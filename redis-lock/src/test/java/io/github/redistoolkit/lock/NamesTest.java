package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import org.junit.jupiter.api.Test;

class NamesTest {

  @Test
  void harmlessNamesAreShownAsTheyAre() {
    for (String name : new String[] {"resource:123", "a b", "{x}%", "é", "鍵", "🔒"}) {
      assertThat(Names.shown(name), is(name));
    }
  }

  @Test
  void whatCouldForgeALineOrHideOneIsEscaped() {
    assertThat(Names.shown("a\nb\r\tc"), is("a\\u000ab\\u000d\\u0009c"));
    assertThat(Names.shown("\u001b[31m"), is("\\u001b[31m"));
    assertThat(Names.shown("\u202e\u200b\u2028\u2029"), is("\\u202e\\u200b\\u2028\\u2029"));
    assertThat(Names.shown("\\u000a"), is("\\u005cu000a"));
    assertThat(Names.shown("\ud800"), is("\\ud800"));
  }

  @Test
  void longNamesAreCut() {
    assertThat(Names.shown("a".repeat(200)), is("a".repeat(200)));
    assertThat(Names.shown("a".repeat(201)), is("a".repeat(200) + "…"));
    assertThat(Names.shown("\n".repeat(10_000)).length(), is(lessThan(210)));
  }
}
