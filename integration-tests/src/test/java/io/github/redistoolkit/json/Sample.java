package io.github.redistoolkit.json;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.google.gson.reflect.TypeToken;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Calendar;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TimeZone;
import java.util.UUID;

/**
 * Values of every kind that programs store, each of which every JVM makes equal.
 *
 * @param name what it is
 * @param value the value
 * @param type what it is declared as
 */
@SuppressWarnings({"JavaUtilDate", "EqualsGetClass"}) // what teams store, and how
record Sample<T>(String name, T value, TypeToken<T> type) {

  enum Colour {
    RED,
    GREEN {
      @Override
      public String toString() {
        return "grün";
      }
    },
    III_I
  }

  record Point(int x, int y) {}

  record Page<T>(List<T> items, Map<String, T> byName) {}

  record Loan(String id, BigDecimal amount, LocalDate on, Instant at, Colour colour) {}

  record Dated(Date date, java.sql.Timestamp timestamp) {}

  record Anything(Object value) {}

  record Node(int number, Node next) {}

  /** A bean as programs have them. */
  static class Animal {
    public String name = "Tom";

    @Override
    public boolean equals(Object other) {
      return other != null
          && other.getClass() == getClass()
          && Objects.equals(name, ((Animal) other).name);
    }

    @Override
    public int hashCode() {
      return Objects.hashCode(name);
    }
  }

  static class Dog extends Animal {
    public int tricks = 3;
  }

  record Owner(Animal pet) {}

  sealed interface Event permits Opened, Closed {}

  record Opened(LocalDate on) implements Event {}

  record Closed(String why) implements Event {}

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Circle.class, name = "circle"),
    @JsonSubTypes.Type(value = Square.class, name = "square")
  })
  sealed interface Figure permits Circle, Square {}

  record Circle(double radius) implements Figure {}

  record Square(double side) implements Figure {}

  static List<Sample<?>> all() {
    List<Sample<?>> samples = new ArrayList<>();
    addPlain(samples);
    addDates(samples);
    addStructures(samples);
    addWhatIsRefusedBySome(samples);
    return samples;
  }

  private static void addPlain(List<Sample<?>> samples) {
    samples.add(of("text", "I i ı İ é \uD83D\uDE00 \u2028 \0", String.class));
    samples.add(of("int", 1_234_567, Integer.class));
    samples.add(of("long", Long.MIN_VALUE, Long.class));
    samples.add(of("double", -1234.5, Double.class));
    samples.add(of("decimal", new BigDecimal("1234567.890"), BigDecimal.class));
    samples.add(of("bigInteger", BigInteger.TEN.pow(50), BigInteger.class));
    samples.add(of("boolean", true, Boolean.class));
    samples.add(of("uuid", new UUID(1, 2), UUID.class));
    samples.add(of("enum", Colour.GREEN, Colour.class));
    samples.add(of("locale", Locale.forLanguageTag("zh-Hant-TW"), Locale.class));
    samples.add(of("nestedTooDeep", node(1_200), Node.class));
    samples.add(of("nestedDeep", node(200), Node.class));
  }

  private static Node node(int depth) {
    Node node = null;
    for (int i = 0; i < depth; i++) {
      node = new Node(i, node);
    }
    return node;
  }

  private static void addDates(List<Sample<?>> samples) {
    java.sql.Timestamp timestamp = new java.sql.Timestamp(1_736_935_200_000L);
    timestamp.setNanos(123_456_789);
    Calendar calendar = new GregorianCalendar(TimeZone.getTimeZone("Asia/Tokyo"), Locale.GERMANY);
    calendar.setTimeInMillis(1_736_935_200_123L);
    samples.add(of("date", new Date(1_736_935_200_123L), Date.class));
    samples.add(of("timestamp", timestamp, java.sql.Timestamp.class));
    samples.add(of("sqlDate", new java.sql.Date(1_736_935_200_000L), java.sql.Date.class));
    samples.add(of("sqlTime", new java.sql.Time(36_000_123L), java.sql.Time.class));
    samples.add(of("calendar", calendar, Calendar.class));
    samples.add(of("dated", new Dated(new Date(-1), timestamp), Dated.class));
    samples.add(of("instant", Instant.ofEpochSecond(1_736_935_200L, 1), Instant.class));
    samples.add(of("localDateTime", LocalDateTime.of(2025, 1, 15, 10, 0), LocalDateTime.class));
    samples.add(of("duration", Duration.ofMillis(-5), Duration.class));
    ZonedDateTime zoned = ZonedDateTime.of(2025, 1, 15, 10, 0, 0, 1, ZoneId.of("Asia/Tokyo"));
    samples.add(of("zonedDateTime", zoned, ZonedDateTime.class));
  }

  private static void addStructures(List<Sample<?>> samples) {
    samples.add(
        of(
            "record",
            new Loan("1", new BigDecimal("5.00"), LocalDate.EPOCH, Instant.EPOCH, Colour.III_I),
            Loan.class));
    samples.add(of("nulls", new Loan(null, null, null, null, null), Loan.class));
    samples.add(of("bean", new Animal(), Animal.class));
    samples.add(
        new Sample<>(
            "generic",
            new Page<>(List.of(new Point(1, 2)), Map.of("p", new Point(3, 4))),
            new TypeToken<Page<Point>>() {}));
    samples.add(new Sample<>("list", Arrays.asList("a", null), new TypeToken<List<String>>() {}));
    samples.add(new Sample<>("set", Set.of(1, 2, 3), new TypeToken<Set<Integer>>() {}));
    samples.add(
        new Sample<>(
            "byDate", Map.of(LocalDate.EPOCH, 1), new TypeToken<Map<LocalDate, Integer>>() {}));
    samples.add(
        new Sample<>("byEnum", Map.of(Colour.GREEN, 1), new TypeToken<Map<Colour, Integer>>() {}));
    samples.add(
        new Sample<>(
            "byPoint", Map.of(new Point(1, 2), 3), new TypeToken<Map<Point, Integer>>() {}));
    Map<String, Object> open = new LinkedHashMap<>();
    open.put("text", "x");
    open.put("none", null);
    open.put("list", List.of("y", true, 0.5));
    samples.add(new Sample<>("open", open, new TypeToken<Map<String, Object>>() {}));
  }

  private static void addWhatIsRefusedBySome(List<Sample<?>> samples) {
    samples.add(new Sample<>("events", List.of(new Closed("x")), new TypeToken<List<Event>>() {}));
    samples.add(
        new Sample<>(
            "figures", List.of(new Circle(1.5), new Square(2)), new TypeToken<List<Figure>>() {}));
    samples.add(new Sample<>("optional", Optional.of("x"), new TypeToken<Optional<String>>() {}));
    samples.add(of("subclass", new Owner(new Dog()), Owner.class));
    samples.add(of("anonymous", new Anything(new Object() {}), Anything.class));
    samples.add(
        new Sample<>("untypedLong", Map.of("n", 5L), new TypeToken<Map<String, Object>>() {}));
    samples.add(
        new Sample<>("untypedInt", Map.of("n", 5), new TypeToken<Map<String, Object>>() {}));
    samples.add(of("notANumber", Double.NaN, Double.class));
    Map<String, String> nullKey = new HashMap<>();
    nullKey.put(null, "x");
    samples.add(new Sample<>("nullKey", nullKey, new TypeToken<Map<String, String>>() {}));
    samples.add(of("halfAPair", "\uD83D", String.class));
    samples.add(of("thread", Thread.currentThread(), Thread.class));
  }

  private static <T> Sample<T> of(String name, T value, Class<T> type) {
    return new Sample<>(name, value, TypeToken.get(type));
  }
}
