package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.idempotency.ResultCodec.Encoded;
import io.github.redistoolkit.idempotency.ResultCodec.Fit;
import io.github.redistoolkit.idempotency.ResultCodec.Unfit;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ResultCodecTest {

  private static final TypeToken<Object> ANY = TypeToken.get(Object.class);
  private static final ResultCodec CODEC = new ResultCodec(Json.standard(), 100);

  record Even(int number) {
    Even {
      if (number % 2 != 0) {
        throw new IllegalArgumentException("secret " + number);
      }
    }
  }

  static Stream<Object> unencodable() {
    List<Object> cycle = new ArrayList<>();
    cycle.add(cycle);
    return Stream.of(
        Double.NaN,
        Float.NEGATIVE_INFINITY,
        Optional.of("x"),
        Thread.currentThread(),
        new Object() {},
        Object.class,
        "an unpaired \uD83D surrogate",
        cycle);
  }

  @ParameterizedTest
  @MethodSource("unencodable")
  void saysThatAResultHasNoJson(Object result) {
    Encoded encoded = CODEC.encode(result, ANY);
    assertThat(encoded, instanceOf(Unfit.class));
    assertThat(((Unfit) encoded).reason(), is(Reason.NOT_ENCODABLE));
  }

  @ParameterizedTest
  @CsvSource({"98, true", "99, false"})
  void countsTheQuotesOfText(int length, boolean fits) {
    assertThat(CODEC.encode("a".repeat(length), ANY) instanceof Fit, is(fits));
  }

  @ParameterizedTest
  @CsvSource({"a, 98", "\u00E4, 49", "\u20AC, 32", "\uD83D\uDE00, 24"})
  void measuresResultsInBytesOfUtf8(String character, int fitting) {
    assertThat(CODEC.encode(character.repeat(fitting), ANY), instanceOf(Fit.class));
    Encoded larger = CODEC.encode(character.repeat(fitting + 1), ANY);
    assertThat(larger, is(new Unfit(Reason.TOO_LARGE, null)));
  }

  @Test
  void keepsNullApartFromNothing() {
    assertThat(CODEC.encode(null, ANY), is(new Fit("null")));
    assertThat(CODEC.decode("null", ANY), is(nullValue()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "\"secret", "\"secret\"", "{\"secret\":1}", "[", "3"})
  void refusesTextThatIsNotOfTheTypeWithoutRepeatingIt(String json) {
    StoredResultException e =
        assertThrows(
            StoredResultException.class, () -> CODEC.decode(json, TypeToken.get(LocalDate.class)));
    assertThat(e.getMessage(), containsString("java.time.LocalDate"));
    assertThat(e.getMessage(), not(containsString("secret")));
    assertThat(e.getCause(), is(nullValue()));
  }

  @Test
  void refusesWhatTheTypesOwnConstructorRefuses() {
    StoredResultException e =
        assertThrows(
            StoredResultException.class,
            () -> CODEC.decode("{\"number\":3}", TypeToken.get(Even.class)));
    assertThat(e.getMessage(), not(containsString("secret")));
  }
}
