package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class StoredTest {

  private static final String OWNER = "o".repeat(22);
  private static final String DIGEST = "d".repeat(22);

  static Stream<Stored> records() {
    return Stream.of(
        Stored.claim(OWNER, 86_400_000, Stored.NO_FINGERPRINT),
        Stored.claim(OWNER, 86_400_000, Stored.OWN + DIGEST).extended(7),
        new Stored(Stored.Phase.FREE, OWNER, 3, 2, 0, 0, Stored.INHERITED + DIGEST, ""),
        Stored.claim(OWNER, 1, "-").settledAs(Stored.Phase.COMPLETED, "{\"a b\": \" \"}"),
        Stored.claim(OWNER, 1, "-").settledAs(Stored.Phase.FAILED, "java.lang.Error a b "),
        Stored.claim(OWNER, 1, "-").settledAs(Stored.Phase.OPEN, ""),
        Stored.claim(OWNER, 1, "-").settledAs(Stored.Phase.RESULTLESS, ""));
  }

  @ParameterizedTest
  @MethodSource("records")
  void readsWhatItWrites(Stored record) {
    assertThat(Stored.parse(record.text()), is(record));
  }

  @ParameterizedTest
  @MethodSource("records")
  void readsNoRecordThatWasCutOff(Stored record) {
    int head = record.text().length() - record.body().length();
    for (int length = 0; length < head; length++) {
      String cut = record.text().substring(0, length);
      assertThrows(StoredResultException.class, () -> Stored.parse(cut));
    }
  }

  @Test
  void readsRandomTextAsNoRecordAtAll() {
    Random random = new Random(22);
    String alphabet = "2 PCN0o-.\uFFFD{";
    for (int n = 0; n < 10_000; n++) {
      StringBuilder text = new StringBuilder();
      int length = random.nextInt(60);
      while (text.length() < length) {
        text.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      assertThrows(StoredResultException.class, () -> Stored.parse(text.toString()));
    }
  }

  @Test
  void comparesFingerprintsOnlyWhereBothAreKnown() {
    Stored none = Stored.claim(OWNER, 1, Stored.NO_FINGERPRINT);
    Stored own = Stored.claim(OWNER, 1, Stored.OWN + DIGEST);
    assertThat(none.differsFrom(Stored.OWN + DIGEST), is(false));
    assertThat(own.differsFrom(Stored.NO_FINGERPRINT), is(false));
    assertThat(own.differsFrom(Stored.INHERITED + DIGEST), is(false));
    assertThat(own.differsFrom(Stored.OWN + "e".repeat(22)), is(true));
  }

  @Test
  void readsTheLargestNumbersAndTheOddestNamesThatItMayWrite() {
    for (String text :
        List.of(
            claim(OWNER, "999999999999999 999999999 999999999999999 999999999", "-"),
            claim("!~".repeat(11), "0 0 0 0", Stored.OWN + "!~".repeat(11)),
            claim(OWNER, "0 0 0 0", Stored.INHERITED + DIGEST))) {
      assertThat(Stored.parse(text).text(), is(text));
    }
  }

  @Test
  void readsNothingElse() {
    String one = "1 0 1 0";
    for (String text :
        List.of(
            "3" + claim(OWNER, one, "-").substring(1),
            "2 PP" + claim(OWNER, one, "-").substring(3),
            "2 Q" + claim(OWNER, one, "-").substring(3),
            claim(OWNER.substring(1), one, "-"),
            claim(OWNER + "o", one, "-"),
            claim(OWNER.substring(1) + "\u007F", one, "-"),
            claim(OWNER.substring(1) + "\uFFFD", one, "-"),
            claim(OWNER, "1000000000000000 0 1 0", "-"),
            claim(OWNER, "1 1000000000 1 0", "-"),
            claim(OWNER, "1 0 1000000000000000 0", "-"),
            claim(OWNER, "1 0 1 1000000000", "-"),
            claim(OWNER, " 0 1 0", "-"),
            claim(OWNER, "/ 0 1 0", "-"),
            claim(OWNER, ": 0 1 0", "-"),
            claim(OWNER, "-1 0 1 0", "-"),
            claim(OWNER, one, ""),
            claim(OWNER, one, DIGEST),
            claim(OWNER, one, "," + DIGEST),
            claim(OWNER, one, Stored.OWN + DIGEST.substring(1)),
            claim(OWNER, one, Stored.OWN + DIGEST + "d"),
            claim(OWNER, one, Stored.OWN + DIGEST.substring(1) + "\u007F"),
            claim(OWNER, one, "-") + "a body",
            "2 C" + claim(OWNER, one, "-").substring(3),
            "2 X" + claim(OWNER, one, "-").substring(3),
            "2 O" + claim(OWNER, one, "-").substring(3) + "a body")) {
      assertThrows(StoredResultException.class, () -> Stored.parse(text), text);
    }
  }

  private static String claim(String owner, String numbers, String fingerprint) {
    return "2 P " + owner + " " + numbers + " " + fingerprint + " ";
  }

  @Test
  void countsTheAttemptsOfThoseWhoVanishedAndItsOwn() {
    assertThat(Stored.claim(OWNER, 1, "-").attempt(), is(1));
    assertThat(new Stored(Stored.Phase.CLAIMED, OWNER, 3, 2, 1, 0, "-", "").attempt(), is(3));
  }

  @Test
  void tellsWhetherAnybodyHasGivenAFingerprint() {
    assertThat(Stored.claim(OWNER, 1, Stored.NO_FINGERPRINT).hasFingerprint(), is(false));
    assertThat(Stored.claim(OWNER, 1, Stored.OWN + DIGEST).hasFingerprint(), is(true));
  }
}
