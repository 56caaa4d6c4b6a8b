package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RedisKeysTest {

  @ParameterizedTest
  @CsvSource({
    "user-123, {user-123}",
    "a:b, {a:b}",
    "}, {%7D}",
    "{}, {%7B%7D}",
    "{x}1, {%7Bx%7D1}",
    "%7B, {%257B}",
    "%sha256-, {%25sha256-}",
  })
  void keepsIdsReadableAndBracesOut(String id, String tag) {
    assertThat(RedisKeys.hashTag(id, "id"), is(tag));
  }

  @Test
  void shortensAnIdOfMoreThan200Bytes() {
    assertThat(RedisKeys.hashTag("a".repeat(200), "id"), is("{" + "a".repeat(200) + "}"));
    assertThat(RedisKeys.hashTag("a".repeat(201), "id"), startsWith("{%sha256-"));
    assertThat(RedisKeys.hashTag("é".repeat(100), "id"), is("{" + "é".repeat(100) + "}"));
    assertThat(RedisKeys.hashTag("é".repeat(101), "id"), startsWith("{%sha256-"));
    assertThat(RedisKeys.hashTag("x".repeat(1 << 20), "id").length(), lessThan(100));
  }

  @Test
  void givesNoIdTheKeyOfAnother() {
    String longId = "a".repeat(201);
    String digest = RedisKeys.hashTag(longId, "id").replaceAll("[{}]", "");
    assertThat(RedisKeys.hashTag(digest, "id"), is(not(RedisKeys.hashTag(longId, "id"))));

    Random random = new Random(42);
    String alphabet = "%{}27BD5a";
    Map<String, String> idOfTag = new HashMap<>();
    for (int i = 0; i < 100_000; i++) {
      StringBuilder id = new StringBuilder();
      for (int n = 1 + random.nextInt(6); n > 0; n--) {
        id.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      String earlier = idOfTag.putIfAbsent(RedisKeys.hashTag(id.toString(), "id"), id.toString());
      assertThat(earlier == null || earlier.contentEquals(id), is(true));
    }
  }

  @Test
  void refusesEmptyAndUnencodableIds() {
    assertThrows(NullPointerException.class, () -> RedisKeys.hashTag(null, "id"));
    assertThrows(IllegalArgumentException.class, () -> RedisKeys.hashTag("", "id"));
    assertThrows(IllegalArgumentException.class, () -> RedisKeys.hashTag("\uD83D", "id"));
  }

  @Test
  void takesAPrefixThatEndsWithAColon() {
    assertThat(RedisKeys.requirePrefix("app:"), is("app:"));
    assertThat(RedisKeys.requirePrefix(":"), is(":"));
    assertThat(RedisKeys.requirePrefix("a b:ü:"), is("a b:ü:"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "app", "app: ", "{app}:", "a}:", "\ud800:"})
  void refusesAPrefixThatDoesNotOrWouldChooseTheSlot(String prefix) {
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> RedisKeys.requirePrefix(prefix));
    assertThat(e.getMessage(), startsWith("prefix "));
  }

  @Test
  void refusesNoPrefix() {
    assertThrows(NullPointerException.class, () -> RedisKeys.requirePrefix(null));
  }
}
