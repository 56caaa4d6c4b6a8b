package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CanonicalJsonTest {

  /** The example of RFC 8785, section 3.2.2. */
  @Test
  void writesTheExampleOfTheRfc() {
    String json =
        """
        {
          "numbers": [333333333.33333329, 1E30, 4.50,
                      2e-3, 0.000000000000000000000000001],
          "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
          "literals": [null, true, false]
        }
        """;
    assertThat(
        CanonicalJson.of(json),
        is(
            "{\"literals\":[null,true,false],"
                + "\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
                + "\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"));
  }

  /** The order of RFC 8785, section 3.2.3: by UTF-16 code units. */
  @Test
  void sortsFieldsByCodeUnits() {
    String json =
        "{\"\u20ac\":1,\"\\r"
            + "\":2,\"\ufb33\":3,\"1\":4,\"\ud83d\ude00\":5,\"\u0080\":6,\"\u00f6\":7}";
    assertThat(
        CanonicalJson.of(json),
        is(
            "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"\u00f6\":7,\"\u20ac\":1,\"\ud83d\ude00\":5,"
                + "\"\ufb33\":3}"));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "-0, 0",
    "-0.0e5, 0",
    "1.0, 1",
    "-1.50, -1.5",
    "5e-324, 5e-324",
    "1.7976931348623157e308, 1.7976931348623157e+308",
    "9007199254740992, 9007199254740992",
    "-9007199254740992, -9007199254740992",
    "1e20, 100000000000000000000",
    "295147905179352830000, 295147905179352830000",
    "1e21, 1e+21",
    "999999999999999900000, 999999999999999900000",
    "1e23, 1e+23",
    "9.999999999999997e22, 9.999999999999997e+22",
    "0.000001, 0.000001",
    "0.0000001, 1e-7",
    "9.999999999999997e-7, 9.999999999999997e-7",
    "2e-3, 0.002",
    "2.0E-3, 0.002",
    "2.2250738585072014E-308, 2.2250738585072014e-308",
    "0.1, 0.1",
    "0.10000000000000001, 0.1",
    "123456.789, 123456.789"
  })
  void writesNumbersAsEcmaScriptDoes(String json, String canonical) {
    assertThat(CanonicalJson.number(json), is(canonical));
  }

  @Test
  void writesWhatReadsAsTheSameNumberAndNoLongerThanJavaDoes() {
    Random random = new Random(8785);
    for (int n = 0; n < 2_000; n++) {
      double number = Double.longBitsToDouble(random.nextLong());
      if (Math.abs(number) < 0x1p53 && number != 0) {
        String canonical = CanonicalJson.number(new BigDecimal(number).toString());
        assertThat(Double.parseDouble(canonical), is(number));
        int digits = new BigDecimal(canonical).stripTrailingZeros().precision();
        int javas = new BigDecimal(Double.toString(number)).stripTrailingZeros().precision();
        assertThat(canonical, digits <= javas, is(true));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"9007199254740993", "-9007199254740993", "123456789012345678901", "1e999"})
  void refusesNumbersThatWouldLookLikeOthers(String json) {
    assertThrows(IllegalArgumentException.class, () -> CanonicalJson.of(json));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "secret",
        "{\"secret\"",
        "[1,]",
        "{'secret':1}",
        "1 2",
        "NaN",
        "[1;2]",
        "{\"a\":1,\"a\":1}",
        "\"secret\\uD83D\""
      })
  void refusesWhatIsNotJsonWithoutRepeatingIt(String json) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> CanonicalJson.of(json));
    assertThat(e.getMessage(), not(containsString("secret")));
    assertThat(e.getCause() == null, is(true));
  }

  @Test
  void refusesJsonThatIsNestedTooDeep() {
    String deep = "[".repeat(255) + "]".repeat(255);
    assertThat(CanonicalJson.of(deep), is(deep));
    assertThrows(IllegalArgumentException.class, () -> CanonicalJson.of("[" + deep + "]"));
  }
}
