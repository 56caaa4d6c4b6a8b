package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordKeysTest {

  private static final RecordKeys KEYS = new RecordKeys("idem:", "payments");

  @ParameterizedTest
  @ValueSource(strings = {"req-12345", "acme:POST/payments:1_2", "0", "a b", "\u00E4"})
  void keepsShortKeysReadable(String key) {
    assertThat(KEYS.of(key, "key"), is("idem:payments:{" + key + "}"));
  }

  @ParameterizedTest
  @CsvSource({"{a},%7Ba%7D", "},%7D", "a%,a%25", "x}{y,x%7D%7By"})
  void encodesWhatWouldSteerTheSlot(String key, String encoded) {
    assertThat(KEYS.of(key, "key"), is("idem:payments:{" + encoded + "}"));
  }

  @Test
  void takesKeysOfUpTo64KibibytesOfText() {
    assertThat(
        KEYS.of("k".repeat(64 << 10), "key"),
        matchesPattern("idem:payments:\\{%sha256-[0-9a-f]{64}}"));
    assertThat(KEYS.of("\u20AC".repeat((64 << 10) / 3), "key"), containsString("{%sha256-"));
    for (String tooLong :
        List.of("s".repeat((64 << 10) + 1), "\u20AC".repeat((64 << 10) / 3 + 1))) {
      Exception e =
          assertThrows(IllegalArgumentException.class, () -> KEYS.of(tooLong, "requestId"));
      assertThat(e.getMessage(), containsString("the length of requestId in bytes"));
    }
  }

  @Test
  void givesTenThousandFuzzedKeysRedisKeysOfTheirOwn() {
    Random random = new Random(42);
    String alphabet = "ab:{}%- /\u00E4\n";
    Map<String, List<String>> ownerOfRedisKey = new HashMap<>();
    int distinct = 0;
    while (distinct < 10_000) {
      String key = text(random, alphabet, 1 + random.nextInt(8));
      String prefix = text(random, "a:", random.nextInt(3)) + ":";
      String name = text(random, "ab", 1 + random.nextInt(2));
      List<String> owner = List.of(prefix, name, key);
      String redisKey = new RecordKeys(prefix, name).of(key, "key");
      List<String> earlier = ownerOfRedisKey.putIfAbsent(redisKey, owner);
      assertThat(redisKey, earlier == null || earlier.equals(owner), is(true));
      distinct += earlier == null ? 1 : 0;
    }
  }

  private static String text(Random random, String alphabet, int length) {
    StringBuilder text = new StringBuilder();
    for (int n = 0; n < length; n++) {
      text.append(alphabet.charAt(random.nextInt(alphabet.length())));
    }
    return text.toString();
  }

  @Test
  void refusesKeysWithoutRepeatingThem() {
    assertThrows(NullPointerException.class, () -> KEYS.of(null, "key"));
    assertThrows(IllegalArgumentException.class, () -> KEYS.of("", "key"));
    Exception unpaired =
        assertThrows(IllegalArgumentException.class, () -> KEYS.of("secret\uD83D", "key"));
    assertThat(unpaired.getMessage(), not(containsString("secret")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a:b", "{", "}", "\uD83D"})
  void refusesANameThatCouldNotBeToldFromAKey(String name) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> new RecordKeys("idem:", name));
    assertThat(e.getMessage(), containsString("name"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "idem", "{:", "a}b:", "\uD83D:"})
  void refusesAPrefixThatWouldSteerTheSlotOrRunIntoTheName(String prefix) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> KEYS.withPrefix(prefix));
    assertThat(e.getMessage(), containsString("prefix"));
  }

  @Test
  void takesPrefixAndNameOfUpTo64Characters() {
    String prefix = "p".repeat(63) + ":";
    String longest = "n".repeat(64);
    assertThat(new RecordKeys(prefix, longest).of("k", "key"), is(prefix + longest + ":{k}"));
    assertThrows(IllegalArgumentException.class, () -> new RecordKeys("p" + prefix, "n"));
    assertThrows(IllegalArgumentException.class, () -> new RecordKeys("idem:", longest + "n"));
  }
}
