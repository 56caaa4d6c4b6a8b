package io.github.redistoolkit.core;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.JsonSyntaxException;
import com.google.gson.Strictness;
import com.google.gson.ToNumberPolicy;
import com.google.gson.TypeAdapter;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
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
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The JSON that the toolkit stores unless it is given another {@link Gson}.
 *
 * <p>Every {@code java.time} value is its ISO-8601 text, null fields and entries are written, whole
 * numbers read as {@code Object} are {@code Long}, and only strict JSON is read. No class name is
 * ever written or read.
 *
 * <p>Thread-safe.
 */
public final class Json {

  private static final DateTimeFormatter YEAR_MONTH =
      new DateTimeFormatterBuilder()
          .appendValue(ChronoField.YEAR, 4, 10, SignStyle.EXCEEDS_PAD)
          .appendLiteral('-')
          .appendValue(ChronoField.MONTH_OF_YEAR, 2)
          .toFormatter();

  private static final Gson DEFAULT =
      new GsonBuilder()
          .setStrictness(Strictness.STRICT)
          .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
          .serializeNulls()
          .disableHtmlEscaping()
          .registerTypeAdapter(Duration.class, new AsText<>(Duration::toString, Duration::parse))
          .registerTypeAdapter(Instant.class, new AsText<>(Instant::toString, Instant::parse))
          .registerTypeAdapter(LocalDate.class, new AsText<>(LocalDate::toString, LocalDate::parse))
          .registerTypeAdapter(
              LocalDateTime.class, new AsText<>(LocalDateTime::toString, LocalDateTime::parse))
          .registerTypeAdapter(LocalTime.class, new AsText<>(LocalTime::toString, LocalTime::parse))
          .registerTypeAdapter(MonthDay.class, new AsText<>(MonthDay::toString, MonthDay::parse))
          .registerTypeAdapter(
              OffsetDateTime.class, new AsText<>(OffsetDateTime::toString, OffsetDateTime::parse))
          .registerTypeAdapter(
              OffsetTime.class, new AsText<>(OffsetTime::toString, OffsetTime::parse))
          .registerTypeAdapter(Period.class, new AsText<>(Period::toString, Period::parse))
          // Year and YearMonth do not read back what their toString writes beyond the year 9999.
          .registerTypeAdapter(
              Year.class, new AsText<>(Year::toString, text -> Year.of(Integer.parseInt(text))))
          .registerTypeAdapter(
              YearMonth.class,
              new AsText<>(YEAR_MONTH::format, text -> YearMonth.parse(text, YEAR_MONTH)))
          .registerTypeAdapter(
              ZonedDateTime.class, new AsText<>(ZonedDateTime::toString, ZonedDateTime::parse))
          .registerTypeAdapter(ZoneOffset.class, new AsText<>(ZoneOffset::getId, ZoneOffset::of))
          .registerTypeHierarchyAdapter(ZoneId.class, new AsText<>(ZoneId::getId, ZoneId::of))
          .create();

  private Json() {}

  /**
   * Returns the default.
   *
   * @return one shared instance
   */
  public static Gson defaultGson() {
    return DEFAULT;
  }

  /**
   * Returns the JSON of a value.
   *
   * @param gson what encodes it
   * @param value what to encode; null gives {@code null}
   * @param type its declared type
   * @param <T> the same
   * @return one JSON value, never empty
   * @throws IllegalArgumentException if the value is not null and would be stored as {@code null},
   *     as Gson does without a word to instances of anonymous and local classes, or holds a number
   *     that JSON does not have (NaN, infinity)
   * @throws JsonParseException if Gson has no way to encode it
   */
  public static <T> String encode(Gson gson, @Nullable T value, TypeToken<T> type) {
    String json = gson.toJson(value, type.getType());
    if (value != null && json.equals("null")) {
      throw new IllegalArgumentException(
          "a value of "
              + value.getClass().getName()
              + " would be stored as null: Gson does not encode anonymous and local classes");
    }
    return json;
  }

  /**
   * Returns the value of a JSON text.
   *
   * @param gson what decodes it
   * @param json one JSON value
   * @param type the type to decode to
   * @param <T> the same
   * @return the value; null only for {@code null}
   * @throws JsonParseException if the text is empty, is not JSON, or does not fit the type
   */
  public static <T> @Nullable T decode(Gson gson, String json, TypeToken<T> type) {
    if (json.isBlank()) {
      throw new JsonSyntaxException("empty text where JSON is expected");
    }
    return gson.fromJson(json, type);
  }

  /** A value as a JSON string. */
  private static final class AsText<T> extends TypeAdapter<T> {

    private final Function<T, String> write;
    private final Function<String, T> parse;

    AsText(Function<T, String> write, Function<String, T> parse) {
      this.write = write;
      this.parse = parse;
    }

    @Override
    public void write(JsonWriter out, @Nullable T value) throws IOException {
      if (value == null) {
        out.nullValue();
      } else {
        out.value(write.apply(value));
      }
    }

    @Override
    public @Nullable T read(JsonReader in) throws IOException {
      if (in.peek() == JsonToken.NULL) {
        in.nextNull();
        return null;
      }
      String text = in.nextString();
      try {
        return parse.apply(text);
      } catch (DateTimeException | NumberFormatException e) {
        throw new JsonSyntaxException("not a java.time value at " + in.getPreviousPath(), e);
      }
    }
  }
}
