package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.Month;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {

  private static final Json JSON = Json.standard();

  record Times(
      Instant instant,
      LocalDate date,
      LocalTime time,
      LocalDateTime dateTime,
      OffsetDateTime offsetDateTime,
      OffsetTime offsetTime,
      ZonedDateTime zonedDateTime,
      Year year,
      YearMonth yearMonth,
      MonthDay monthDay,
      Month month,
      DayOfWeek dayOfWeek,
      Duration duration,
      Period period,
      ZoneId zone,
      ZoneOffset offset) {

    static List<Times> samples() {
      ZoneId zone = ZoneId.of("Europe/Berlin");
      return List.of(
          at(LocalDateTime.of(2025, 1, 15, 10, 0), zone),
          at(LocalDateTime.of(2024, 2, 29, 23, 59, 59, 999_999_999), zone),
          at(LocalDateTime.of(12_345, 12, 31, 0, 0), ZoneOffset.UTC),
          at(LocalDateTime.of(-44, 3, 15, 12, 0), ZoneOffset.ofHoursMinutes(5, 30)));
    }

    private static Times at(LocalDateTime t, ZoneId zone) {
      ZonedDateTime zoned = t.atZone(zone);
      return new Times(
          zoned.toInstant(),
          t.toLocalDate(),
          t.toLocalTime(),
          t,
          zoned.toOffsetDateTime(),
          zoned.toOffsetDateTime().toOffsetTime(),
          zoned,
          Year.from(t),
          YearMonth.from(t),
          MonthDay.from(t),
          t.getMonth(),
          t.getDayOfWeek(),
          Duration.ofSeconds(t.getSecond(), -5),
          Period.of(1, -2, 3),
          zone,
          zoned.getOffset());
    }
  }

  static List<Times> samples() {
    return Times.samples();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void readsBackEveryTimeItWrites(Times times) {
    TypeToken<Times> type = TypeToken.get(Times.class);
    assertThat(JSON.decode(JSON.encode(times, type), type), is(times));
  }

  @Test
  void writesTimesAsIso8601() {
    String json = JSON.encode(Times.samples().get(0), TypeToken.get(Times.class));
    assertThat(json, containsString("\"instant\":\"2025-01-15T09:00:00Z\""));
    assertThat(json, containsString("\"date\":\"2025-01-15\""));
    assertThat(json, containsString("\"period\":\"P1Y-2M3D\""));
  }

  @Test
  void readsBackTimesAsMapKeys() {
    TypeToken<Map<LocalDate, Duration>> type = new TypeToken<>() {};
    Map<LocalDate, Duration> map = Map.of(LocalDate.of(2025, 1, 15), Duration.ofMinutes(5));
    assertThat(JSON.decode(JSON.encode(map, type), type), is(map));
  }

  @Test
  void keepsNullEntriesAndWholeNumbers() {
    TypeToken<Map<String, Object>> type = new TypeToken<>() {};
    Map<String, Object> map = new HashMap<>();
    map.put("none", null);
    map.put("amount", 100L);
    map.put("largest", Long.MAX_VALUE);
    map.put("text", "<é\uD83D\uDE00&>");
    assertThat(JSON.decode(JSON.encode(map, type), type), is(map));
  }

  @Test
  void refusesAValueThatWouldSilentlyBecomeNull() {
    Object anonymous = new Object() {};
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> JSON.encode(anonymous, typeOf(anonymous)));
    assertThat(e.getMessage(), containsString("would be stored as null"));
    assertThat(JSON.encode(null, TypeToken.get(String.class)), is("null"));
  }

  @SuppressWarnings("unchecked")
  private static <T> TypeToken<T> typeOf(T value) {
    return (TypeToken<T>) TypeToken.get(value.getClass());
  }

  @Test
  void refusesWhatJsonCannotCarry() {
    assertThrows(
        IllegalArgumentException.class, () -> JSON.encode(Double.NaN, TypeToken.get(Double.class)));
    assertThrows(
        IllegalArgumentException.class,
        () -> JSON.encode(Optional.of("x"), new TypeToken<Optional<String>>() {}));
    assertThrows(
        IllegalArgumentException.class,
        () -> JSON.encode(Thread.currentThread(), TypeToken.get(Thread.class)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", " ", "{", "{\"a\":1}x", "#lease:1", "hello", "[1,]", "\"2025-99-99\""})
  void refusesTextThatIsNotTheJsonOfTheType(String text) {
    assertThrows(JsonParseException.class, () -> JSON.decode(text, TypeToken.get(LocalDate.class)));
  }

  @Test
  void readsNullAsNull() {
    assertThat(JSON.decode("null", TypeToken.get(LocalDate.class)), is(nullValue()));
  }
}
