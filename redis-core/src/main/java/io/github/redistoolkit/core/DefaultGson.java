package io.github.redistoolkit.core;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonSyntaxException;
import com.google.gson.Strictness;
import com.google.gson.ToNumberPolicy;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.SignStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.ChronoUnit;
import java.util.Calendar;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.Locale;
import java.util.TimeZone;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Makes the Gson that the toolkit uses unless it is given another. */
@SuppressWarnings("JavaUtilDate") // what it is for
final class DefaultGson {

  /** Gson reads numbers of up to 1,023 characters. */
  private static final int MOST_DIGITS = 1_000;

  /** What others read, too; to add two of them would take as many digits. */
  private static final int LARGEST_SCALE = 9_999;

  private static final DateTimeFormatter YEAR_MONTH =
      new DateTimeFormatterBuilder()
          .appendValue(ChronoField.YEAR, 4, 10, SignStyle.EXCEEDS_PAD)
          .appendLiteral('-')
          .appendValue(ChronoField.MONTH_OF_YEAR, 2)
          .toFormatter(Locale.ROOT);

  private DefaultGson() {}

  static Gson create() {
    GsonBuilder builder =
        new GsonBuilder()
            .setStrictness(Strictness.STRICT)
            .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
            .serializeNulls()
            .disableHtmlEscaping()
            // Keys as their adapters write them, instead of by toString.
            .enableComplexMapKeySerialization()
            .registerTypeAdapterFactory(new StrictEnums());
    addJavaTime(builder);
    addDates(builder);
    addNumbersAndLocale(builder);
    return builder.create();
  }

  private static void addJavaTime(GsonBuilder builder) {
    add(builder, Duration.class, Duration::toString, Duration::parse);
    add(builder, Instant.class, Instant::toString, Instant::parse);
    add(builder, LocalDate.class, LocalDate::toString, LocalDate::parse);
    add(builder, LocalDateTime.class, LocalDateTime::toString, LocalDateTime::parse);
    add(builder, LocalTime.class, LocalTime::toString, LocalTime::parse);
    add(builder, MonthDay.class, MonthDay::toString, MonthDay::parse);
    add(builder, OffsetDateTime.class, OffsetDateTime::toString, OffsetDateTime::parse);
    add(builder, OffsetTime.class, OffsetTime::toString, OffsetTime::parse);
    add(builder, Period.class, Period::toString, Period::parse);
    // Year and YearMonth do not read back what their toString writes beyond the year 9999.
    add(builder, Year.class, Year::toString, text -> Year.of(Integer.parseInt(text)));
    add(builder, YearMonth.class, YEAR_MONTH::format, text -> YearMonth.parse(text, YEAR_MONTH));
    add(builder, ZonedDateTime.class, ZonedDateTime::toString, DefaultGson::zonedDateTime);
    add(builder, ZoneOffset.class, ZoneOffset::getId, ZoneOffset::of);
    builder.registerTypeHierarchyAdapter(ZoneId.class, new AsText<>(ZoneId::getId, ZoneId::of));
  }

  /**
   * As the text has it: its offset tells the two hours apart that a change of the clock repeats.
   */
  private static ZonedDateTime zonedDateTime(String text) {
    return ZonedDateTime.parse(text);
  }

  private static void addDates(GsonBuilder builder) {
    add(builder, Date.class, DefaultGson::isoMillis, text -> new Date(millis(text)));
    builder.registerTypeHierarchyAdapter(Calendar.class, new CalendarAdapter());
    if (ModuleLayer.boot().findModule("java.sql").isPresent()) {
      SqlDates.addTo(builder);
    }
  }

  /** Apart, so that its classes are looked for only where the Java runtime has them. */
  private static final class SqlDates {

    static void addTo(GsonBuilder builder) {
      add(
          builder,
          java.sql.Timestamp.class,
          SqlDates::isoNanos,
          text -> java.sql.Timestamp.from(Instant.parse(text)));
      add(
          builder,
          java.sql.Date.class,
          DefaultGson::isoMillis,
          text -> new java.sql.Date(millis(text)));
      add(
          builder,
          java.sql.Time.class,
          DefaultGson::isoMillis,
          text -> new java.sql.Time(millis(text)));
    }

    private static String isoNanos(java.sql.Timestamp timestamp) {
      return Instant.ofEpochSecond(Math.floorDiv(timestamp.getTime(), 1000L), timestamp.getNanos())
          .toString();
    }
  }

  private static String isoMillis(Date date) {
    return Instant.ofEpochMilli(date.getTime()).toString();
  }

  private static long millis(String iso) {
    Instant instant = Instant.parse(iso);
    if (!instant.truncatedTo(ChronoUnit.MILLIS).equals(instant)) {
      throw new DateTimeException("more precise than a millisecond");
    }
    return instant.toEpochMilli();
  }

  private static void addNumbersAndLocale(GsonBuilder builder) {
    builder
        .registerTypeAdapter(BigDecimal.class, new BigDecimalAdapter())
        .registerTypeAdapter(BigInteger.class, new BigIntegerAdapter());
    add(builder, Locale.class, DefaultGson::languageTag, Locale::forLanguageTag);
  }

  private static String languageTag(Locale locale) {
    String tag = locale.toLanguageTag();
    if (!Locale.forLanguageTag(tag).equals(locale)) {
      throw new UnstorableException("a locale that has no language tag");
    }
    return tag;
  }

  private static <T> void add(
      GsonBuilder builder, Class<T> type, Function<T, String> write, Function<String, T> parse) {
    builder.registerTypeAdapter(type, new AsText<>(write, parse));
  }

  /** Reads and writes null, so that others need not. */
  private abstract static class NullOr<T> extends TypeAdapter<T> {

    @Override
    public final void write(JsonWriter out, @Nullable T value) throws IOException {
      if (value == null) {
        out.nullValue();
      } else {
        writeValue(out, value);
      }
    }

    @Override
    public final @Nullable T read(JsonReader in) throws IOException {
      if (in.peek() == JsonToken.NULL) {
        in.nextNull();
        return null;
      }
      try {
        return readValue(in);
      } catch (DateTimeException | ArithmeticException | IllegalArgumentException e) {
        throw new JsonSyntaxException("not a value of the type at " + in.getPreviousPath(), e);
      }
    }

    abstract void writeValue(JsonWriter out, T value) throws IOException;

    abstract T readValue(JsonReader in) throws IOException;
  }

  /** A value as a JSON string. */
  private static final class AsText<T> extends NullOr<T> {

    private final Function<T, String> write;
    private final Function<String, T> parse;

    AsText(Function<T, String> write, Function<String, T> parse) {
      this.write = write;
      this.parse = parse;
    }

    @Override
    void writeValue(JsonWriter out, T value) throws IOException {
      out.value(write.apply(value));
    }

    @Override
    T readValue(JsonReader in) throws IOException {
      return parse.apply(in.nextString());
    }
  }

  /** As Gson's own, which writes more digits than it reads. */
  private static final class BigDecimalAdapter extends NullOr<BigDecimal> {

    @Override
    void writeValue(JsonWriter out, BigDecimal value) throws IOException {
      out.value(require(value));
    }

    @Override
    BigDecimal readValue(JsonReader in) throws IOException {
      return require(new BigDecimal(requireShort(in.nextString())));
    }

    private static BigDecimal require(BigDecimal value) {
      if (Math.abs((long) value.scale()) > LARGEST_SCALE) {
        throw new UnstorableException("a number of " + value.scale() + " decimal places");
      }
      String unused = requireShort(value.toString());
      return value;
    }
  }

  private static final class BigIntegerAdapter extends NullOr<BigInteger> {

    @Override
    void writeValue(JsonWriter out, BigInteger value) throws IOException {
      String unused = requireShort(value.toString());
      out.value(value);
    }

    @Override
    BigInteger readValue(JsonReader in) throws IOException {
      return new BigInteger(requireShort(in.nextString()));
    }
  }

  private static String requireShort(String number) {
    if (number.length() > MOST_DIGITS) {
      throw new UnstorableException("a number of " + number.length() + " digits");
    }
    return number;
  }

  /**
   * A calendar as its time in UTC and everything else that {@code equals} looks at: the zone, and
   * how weeks are counted, which depends on the language of the JVM that made it.
   */
  private static final class CalendarAdapter extends NullOr<Calendar> {

    @Override
    void writeValue(JsonWriter out, Calendar calendar) throws IOException {
      Calendar copy = (Calendar) calendar.clone(); // Asking for the time may change it.
      Instant time = Instant.ofEpochMilli(copy.getTimeInMillis());
      Calendar readBack =
          make(
              time,
              copy.getTimeZone().getID(),
              copy.getFirstDayOfWeek(),
              copy.getMinimalDaysInFirstWeek(),
              copy.isLenient());
      if (!readBack.equals(calendar)) {
        throw new UnstorableException("not a plain Gregorian calendar in a known time zone");
      }
      out.beginObject();
      out.name("time").value(time.toString());
      out.name("zone").value(copy.getTimeZone().getID());
      out.name("firstDayOfWeek").value(copy.getFirstDayOfWeek());
      out.name("minimalDaysInFirstWeek").value(copy.getMinimalDaysInFirstWeek());
      out.name("lenient").value(copy.isLenient());
      out.endObject();
    }

    @Override
    Calendar readValue(JsonReader in) throws IOException {
      Instant time = null;
      String zone = null;
      int firstDayOfWeek = 0;
      int minimalDays = 0;
      boolean lenient = true;
      in.beginObject();
      while (in.hasNext()) {
        switch (in.nextName()) {
          case "time" -> time = Instant.parse(in.nextString());
          case "zone" -> zone = in.nextString();
          case "firstDayOfWeek" -> firstDayOfWeek = in.nextInt();
          case "minimalDaysInFirstWeek" -> minimalDays = in.nextInt();
          case "lenient" -> lenient = in.nextBoolean();
          default -> in.skipValue();
        }
      }
      in.endObject();
      if (time == null || zone == null || firstDayOfWeek == 0 || minimalDays == 0) {
        throw new JsonSyntaxException("not a calendar at " + in.getPreviousPath());
      }
      return make(time, zone, firstDayOfWeek, minimalDays, lenient);
    }

    private static Calendar make(
        Instant time, String zone, int firstDayOfWeek, int minimalDays, boolean lenient) {
      Calendar calendar = new GregorianCalendar(TimeZone.getTimeZone(zone), Locale.ROOT);
      calendar.setFirstDayOfWeek(firstDayOfWeek);
      calendar.setMinimalDaysInFirstWeek(minimalDays);
      calendar.setLenient(lenient);
      calendar.setTimeInMillis(time.toEpochMilli());
      return calendar;
    }
  }
}
