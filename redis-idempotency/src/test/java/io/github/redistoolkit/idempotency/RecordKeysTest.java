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
import org.junit.jupiter.params.provider.ValueSource;

class RecordKeysTest {

  private static final RecordKeys KEYS = new RecordKeys("payments");

  @ParameterizedTest
  @ValueSource(strings = {"req-12345", "acme:POST.payments:1_2", "0"})
  void keepsPlainKeysReadable(String key) {
    assertThat(KEYS.of(key, "key"), is("idem:payments:{" + key + "}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {" ", "a b", "a/b", "{a}", "}", "a%", "ä", "a\n", "\0", "\uD83D\uDE00"})
  void digestsAllOtherKeys(String key) {
    assertThat(KEYS.of(key, "key"), matchesPattern("idem-sha256:payments:\\{[0-9a-f]{64}}"));
  }

  @Test
  void digestsPlainKeysOfMoreThan128Characters() {
    assertThat(KEYS.of("a".repeat(128), "key"), containsString("a".repeat(128)));
    assertThat(KEYS.of("a".repeat(129), "key"), matchesPattern("idem-sha256:.*\\{[0-9a-f]{64}}"));
  }

  @Test
  void givesTenThousandFuzzedKeysRedisKeysOfTheirOwn() {
    Random random = new Random(42);
    String alphabet = "ab:{}%- /\u00E4\n";
    Map<String, List<String>> ownerOfRedisKey = new HashMap<>();
    int distinct = 0;
    while (distinct < 10_000) {
      String key = text(random, alphabet, 1 + random.nextInt(8));
      // Also what a digest looks like, given as a key.
      key = random.nextInt(10) == 0 ? digestOf(key) : key;
      String namespace = random.nextBoolean() ? "a" : "a-sha256";
      List<String> owner = List.of(namespace, key);
      String redisKey = new RecordKeys(namespace).of(key, "key");
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

  private static String digestOf(String key) {
    return KEYS.of(key + " ", "key").replaceAll(".*\\{|}", "");
  }

  @Test
  void keepsAKeyOutOfTheSlotOfAnother() {
    assertThat(KEYS.of("x}{y", "key"), not(containsString("x}{y")));
  }

  @Test
  void refusesKeysOutOfRangeWithoutRepeatingThem() {
    assertThrows(NullPointerException.class, () -> KEYS.of(null, "key"));
    assertThrows(IllegalArgumentException.class, () -> KEYS.of("", "key"));
    Exception tooLong =
        assertThrows(IllegalArgumentException.class, () -> KEYS.of("s".repeat(256), "requestId"));
    assertThat(
        tooLong.getMessage(), is("the length of requestId must be from 1 to 255, but is 256"));
    Exception unpaired =
        assertThrows(IllegalArgumentException.class, () -> KEYS.of("secret\uD83D", "key"));
    assertThat(unpaired.getMessage(), not(containsString("secret")));
    assertThat(KEYS.of("s".repeat(255), "key"), matchesPattern("idem-sha256:.*"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a:b", "{", "}", "\uD83D"})
  void refusesANamespaceThatCouldNotBeToldFromAKey(String namespace) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> new RecordKeys(namespace));
    assertThat(e.getMessage(), containsString("namespace"));
  }

  @Test
  void refusesNoNamespaceAndOneThatIsTooLong() {
    assertThrows(NullPointerException.class, () -> new RecordKeys(null));
    assertThrows(IllegalArgumentException.class, () -> new RecordKeys("n".repeat(65)));
    assertThat(
        new RecordKeys("n".repeat(64)).of("k", "key"), is("idem:" + "n".repeat(64) + ":{k}"));
  }
}
