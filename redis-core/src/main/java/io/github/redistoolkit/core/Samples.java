package io.github.redistoolkit.core;

import io.github.redistoolkit.json.JsonCodec;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
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
import java.util.Currency;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/**
 * Values of the JDK's plain classes, of the kinds that mappers are known to cut short: with
 * nanoseconds, far offsets, signed zeros, trailing zeros. A codec that carries them is taken to
 * carry all values of the class.
 */
@SuppressWarnings("JavaUtilDate") // what it has samples of
final class Samples {

  private static final Map<Class<?>, List<?>> BY_CLASS = byClass();

  private Samples() {}

  static boolean has(Class<?> type) {
    return BY_CLASS.containsKey(type) || type.isEnum();
  }

  /** Whether every sample of a class comes back equal. */
  static boolean areCarried(Class<?> type, JsonCodec codec) {
    List<?> constants = type.isEnum() ? List.of(type.getEnumConstants()) : null;
    List<?> samples = constants == null ? BY_CLASS.get(type) : constants;
    return samples != null && samples.stream().allMatch(sample -> isCarried(sample, type, codec));
  }

  private static boolean isCarried(Object sample, Type type, JsonCodec codec) {
    try {
      return sample.equals(codec.decode(codec.encode(sample, type), type));
    } catch (Exception | StackOverflowError e) {
      return false;
    }
  }

  private static Map<Class<?>, List<?>> byClass() {
    Map<Class<?>, List<?>> samples = new HashMap<>();
    addNumbersAndTexts(samples);
    addTimes(samples);
    samples.put(Date.class, List.of(new Date(0), new Date(-1), new Date(1_700_000_000_123L)));
    if (ModuleLayer.boot().findModule("java.sql").isPresent()) {
      SqlSamples.addTo(samples);
    }
    return samples;
  }

  private static void addNumbersAndTexts(Map<Class<?>, List<?>> samples) {
    samples.put(Boolean.class, List.of(true, false));
    samples.put(Byte.class, List.of(Byte.MIN_VALUE, Byte.MAX_VALUE));
    samples.put(Short.class, List.of(Short.MIN_VALUE, Short.MAX_VALUE));
    samples.put(Integer.class, List.of(Integer.MIN_VALUE, 0, Integer.MAX_VALUE));
    samples.put(Long.class, List.of(Long.MIN_VALUE, 0L, Long.MAX_VALUE));
    samples.put(Float.class, List.of(0.1f, -0.0f, Float.MIN_VALUE, Float.MAX_VALUE));
    samples.put(Double.class, List.of(0.1, -0.0, 1e100, Double.MIN_VALUE, Double.MAX_VALUE));
    samples.put(Character.class, List.of('a', '"', '\\', '\0', '\u2028'));
    samples.put(String.class, List.of("", " ", "null", "\0\"\\\n\u2028", "\u00E4\uD83D\uDE00"));
    samples.put(
        BigDecimal.class,
        List.of(
            new BigDecimal("1.00"),
            new BigDecimal("1E+3"),
            new BigDecimal("-0.000"),
            new BigDecimal("1234567890123456789012345678901234567890.10")));
    samples.put(BigInteger.class, List.of(BigInteger.ZERO, BigInteger.TWO.pow(100).negate()));
    samples.put(UUID.class, List.of(new UUID(1, 2), new UUID(-1, -1)));
    samples.put(URI.class, List.of(URI.create("urn:a"), URI.create("http://h/%20?a=b#c")));
    samples.put(Currency.class, List.of(Currency.getInstance("EUR")));
    samples.put(Locale.class, List.of(Locale.ROOT, Locale.US, Locale.forLanguageTag("zh-Hant-TW")));
  }

  private static void addTimes(Map<Class<?>, List<?>> samples) {
    LocalDateTime time = LocalDateTime.of(2024, 2, 29, 23, 59, 59, 999_999_999);
    LocalDateTime far = LocalDateTime.of(12_345, 12, 31, 0, 0);
    LocalDateTime before = LocalDateTime.of(-44, 3, 15, 12, 30);
    ZoneOffset offset = ZoneOffset.ofHoursMinutesSeconds(5, 30, 15);
    ZoneId zone = ZoneId.of("Europe/Berlin");
    List<LocalDateTime> times = List.of(time, far, before);
    samples.put(LocalDateTime.class, times);
    samples.put(LocalDate.class, times.stream().map(LocalDateTime::toLocalDate).toList());
    samples.put(LocalTime.class, times.stream().map(LocalDateTime::toLocalTime).toList());
    samples.put(Instant.class, times.stream().map(t -> t.toInstant(offset)).toList());
    samples.put(OffsetDateTime.class, times.stream().map(t -> t.atOffset(offset)).toList());
    samples.put(
        OffsetTime.class, times.stream().map(t -> t.toLocalTime().atOffset(offset)).toList());
    samples.put(ZonedDateTime.class, times.stream().map(t -> t.atZone(zone)).toList());
    samples.put(Year.class, times.stream().map(Year::from).toList());
    samples.put(YearMonth.class, times.stream().map(YearMonth::from).toList());
    samples.put(MonthDay.class, times.stream().map(MonthDay::from).toList());
    samples.put(DayOfWeek.class, List.of(DayOfWeek.values()));
    samples.put(Month.class, List.of(Month.values()));
    samples.put(Duration.class, List.of(Duration.ofSeconds(-1, 5), Duration.ofDays(400)));
    samples.put(Period.class, List.of(Period.of(1, -2, 3), Period.ZERO));
    samples.put(ZoneId.class, List.of(zone, offset));
    samples.put(ZoneOffset.class, List.of(offset, ZoneOffset.UTC));
  }

  /** Apart, so that its classes are looked for only where the Java runtime has them. */
  private static final class SqlSamples {

    static void addTo(Map<Class<?>, List<?>> samples) {
      java.sql.Timestamp timestamp = new java.sql.Timestamp(1_700_000_000_123L);
      timestamp.setNanos(123_456_789);
      samples.put(java.sql.Timestamp.class, List.of(timestamp));
      samples.put(java.sql.Date.class, List.of(new java.sql.Date(1_700_000_000_123L)));
      samples.put(java.sql.Time.class, List.of(new java.sql.Time(1_700_000_000_123L)));
    }
  }
}
