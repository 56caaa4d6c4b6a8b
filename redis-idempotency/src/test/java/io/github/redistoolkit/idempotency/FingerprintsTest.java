package io.github.redistoolkit.idempotency;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.time.LocalDate;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FingerprintsTest {

  record Payment(BigDecimal amount, LocalDate due, String note) {}

  @Test
  void ofBytesIsTheirSha256() {
    assertThat(
        Fingerprints.bytes("abc".getBytes(UTF_8)),
        is("bytes:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assertThat(
        Fingerprints.emptyBody(),
        is("bytes:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  }

  @Test
  void ofJsonDoesNotDependOnHowItIsWritten() {
    String one = Fingerprints.json("{\"a\":1.0,\"b\":\"\\u0041\"}");
    assertThat(Fingerprints.json(" { \"b\" : \"A\", \"a\" : 1e0 } "), is(one));
    assertThat(Fingerprints.json("{\"a\":1,\"b\":\"B\"}"), is(not(one)));
    assertThat(Fingerprints.json("{\"a\":1,\"b\":\"A\",\"c\":null}"), is(not(one)));
  }

  @Test
  void ofAValueIsThatOfItsJson() {
    Payment payment = new Payment(new BigDecimal("4.20"), LocalDate.of(2025, 1, 15), null);
    assertThat(
        Fingerprints.valueAsJson(payment),
        is(Fingerprints.json("{\"note\":null,\"due\":\"2025-01-15\",\"amount\":4.2}")));
    assertThat(Fingerprints.valueAsJson(null), is(Fingerprints.json("null")));
    assertThat(
        Fingerprints.valueAsJson(Map.of("b", 1, "a", 2)),
        is(Fingerprints.json("{\"a\":2,\"b\":1}")));
  }

  @Test
  void ofOneKindIsNeverThatOfAnother() {
    assertThat(Fingerprints.json("1"), is(not(Fingerprints.bytes("1".getBytes(UTF_8)))));
  }

  @Test
  void refusesWhatHasNoJson() {
    assertThrows(IllegalArgumentException.class, () -> Fingerprints.valueAsJson(Optional.of("x")));
    assertThrows(IllegalArgumentException.class, () -> Fingerprints.valueAsJson(Double.NaN));
    assertThrows(NullPointerException.class, () -> Fingerprints.bytes(null));
    assertThrows(NullPointerException.class, () -> Fingerprints.json(null));
  }
}
