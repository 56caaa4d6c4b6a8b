package io.github.redistoolkit.core;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import com.google.gson.JsonSyntaxException;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.json.JsonCodec;
import java.lang.reflect.Type;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Turns values into JSON and back, under one rule: a value that is accepted can be read back equal
 * by every JVM that has the same classes. What cannot be promised so is refused.
 *
 * <p><b>The default.</b> Every value of {@code java.time}, {@code java.util.Date} and {@code
 * java.sql} is its ISO-8601 text, those of the latter two in UTC; a {@code Calendar} is that, its
 * zone and how it counts weeks. Null fields and entries are written. A whole number read as {@code
 * Object} is a {@code Long}. Only strict JSON is read, and only the constants that an enum has. No
 * class name is ever written or read.
 *
 * <p><b>The rule</b> holds for any codec. A value is decoded again and compared before it is
 * stored, unless each of its classes was seen to come back at the same place before: see {@link
 * JsonCodec}. With Gson much is known from the type alone, see {@link #requireReadable}.
 *
 * <p>Thread-safe. Keep one, as it remembers what it has tried.
 */
public final class Json {

  private static final Gson DEFAULT_GSON = DefaultGson.create();
  private static final Json DEFAULT = new Json(GsonCodec.of(DEFAULT_GSON), true);

  private final JsonCodec codec;

  /** What came back as the type that was declared. */
  private final Shapes declared;

  /** What came back as its own class, of values that are stored without a declared type. */
  private final Shapes own;

  private final RoundTrip roundTrip;

  private Json(JsonCodec codec, boolean ours) {
    this.codec = codec;
    this.declared = new Shapes(codec, ours);
    this.own = new Shapes(codec, ours);
    this.roundTrip = new RoundTrip(codec, ours);
  }

  /**
   * Returns the default.
   *
   * @return one shared instance
   */
  public static Json standard() {
    return DEFAULT;
  }

  /**
   * Returns the Gson that the default writes and reads with.
   *
   * @return one shared instance
   */
  public static Gson defaultGson() {
    return DEFAULT_GSON;
  }

  /**
   * Uses another Gson. What is registered with it stays; only what it does by itself and the rule
   * forbids is refused, as unknown constants of enums, and {@code java.util.Date} in local time.
   *
   * @param gson what encodes and decodes
   * @return a new instance
   * @throws NullPointerException if {@code gson} is null
   */
  public static Json of(Gson gson) {
    return new Json(GsonCodec.of(Objects.requireNonNull(gson, "gson")), false);
  }

  /**
   * Uses another mapper.
   *
   * @param codec what encodes and decodes
   * @return a new instance
   * @throws NullPointerException if {@code codec} is null
   */
  public static Json of(JsonCodec codec) {
    return new Json(Objects.requireNonNull(codec, "codec"), false);
  }

  /**
   * Refuses a type of which it is known, before there is a value, that none can be read back: with
   * Gson one of an abstract class or interface, of a class that it has no access to as most of the
   * JDK's, and of whatever has a field of such a type. Of other mappers nothing is known before.
   *
   * @param type the declared type
   * @throws IllegalArgumentException if it is such a type; names the type and the path
   */
  public void requireReadable(TypeToken<?> type) {
    roundTrip.requireReadable(type.getType());
  }

  /**
   * Returns the JSON of a value.
   *
   * @param value what to encode; null gives {@code null}
   * @param type the type that it will be decoded to
   * @param <T> the same
   * @return one JSON value, never empty, and with no unpaired surrogate
   * @throws IllegalArgumentException if the value has no JSON, or does not come back equal; names
   *     the type and the path, and nothing of the content
   */
  public <T> String encode(@Nullable T value, TypeToken<T> type) {
    if (value == null) {
      return "null";
    }
    String json = write(value, type.getType());
    if (roundTrip.isUnusual(json) || !declared.cover(value, type.getType())) {
      roundTrip.require(value, type.getType(), json);
      declared.learn(value, type.getType());
    }
    return json;
  }

  /**
   * Returns the JSON of a value as its own class has it, for readers who declare the type.
   *
   * <p>It comes back equal if it is read as its own class, or, if that is a generic one, as the
   * type that it is an instance of. The elements of a plain list or map are each what they are;
   * whoever reads them as {@code Object} gets what JSON has: texts, numbers, lists and maps.
   *
   * @param value what to encode; null gives {@code null}
   * @return one JSON value, never empty, and with no unpaired surrogate
   * @throws IllegalArgumentException as {@link #encode}
   */
  public String encodeAsItIs(@Nullable Object value) {
    if (value == null) {
      return "null";
    }
    String json = write(value, value.getClass());
    if (roundTrip.isUnusual(json) || !own.cover(value, Object.class)) {
      roundTrip.requireAsItIs(value);
      own.learn(value, Object.class);
    }
    return json;
  }

  private String write(Object value, Type type) {
    String json = roundTrip.encode(value, type);
    Utf8.requireEncodable(json);
    return json;
  }

  /**
   * Returns the value of a JSON text.
   *
   * @param json one JSON value
   * @param type the type to decode to
   * @param <T> the same
   * @return the value; null only for {@code null}
   * @throws JsonParseException if the text is empty or nested too deep, or its value is null
   *     although it is not {@code null}
   * @throws RuntimeException whatever the codec throws: with Gson a {@code JsonParseException} if
   *     the text is not JSON or does not fit the type, and what constructors of the type throw
   */
  @SuppressWarnings("unchecked") // what the codec has to return
  public <T> @Nullable T decode(String json, TypeToken<T> type) {
    if (json.isBlank()) {
      throw new JsonSyntaxException("empty text where JSON is expected");
    }
    if (RoundTrip.isNull(json)) {
      return null;
    }
    Object value;
    try {
      value = codec.decode(json, type.getType());
    } catch (RuntimeException e) {
      throw e;
    } catch (StackOverflowError e) {
      throw new JsonParseException("nested too deep to be read", e);
    } catch (Exception e) {
      throw new JsonParseException("not the JSON of the type", e);
    }
    if (value == null) {
      throw new JsonSyntaxException("read as null, which it is not");
    }
    return (T) value;
  }
}
