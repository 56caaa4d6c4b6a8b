package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

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
}
