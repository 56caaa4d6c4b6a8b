package io.github.redistoolkit.idempotency;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** The canonical form of JSON by RFC 8785, in which equal values have equal texts. */
final class CanonicalJson {

  /** No double has more decimal digits that count. */
  private static final int MOST_DIGITS = 17;

  /** From where on ECMAScript writes an exponent. */
  private static final int MOST_INTEGER_DIGITS = 21;

  private static final int MOST_LEADING_ZEROS = 6;

  private CanonicalJson() {}

  /**
   * Returns the canonical form.
   *
   * @throws IllegalArgumentException if there is none
   */
  static String of(String json) {
    Objects.requireNonNull(json, "json");
    JsonReader reader = new JsonReader(new StringReader(json));
    reader.setStrictness(Strictness.STRICT);
    StringBuilder canonical = new StringBuilder();
    try {
      value(reader, canonical);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new IllegalArgumentException("json has more than one value");
      }
    } catch (IOException | IllegalStateException e) {
      // Without a cause, which may quote what it could not read.
      throw new IllegalArgumentException("json is not JSON, or nested too deep");
    }
    return canonical.toString();
  }

  private static void value(JsonReader in, StringBuilder out) throws IOException {
    switch (in.peek()) {
      case BEGIN_OBJECT -> object(in, out);
      case BEGIN_ARRAY -> array(in, out);
      case STRING -> string(in.nextString(), out);
      case NUMBER -> out.append(number(in.nextString()));
      case BOOLEAN -> out.append(in.nextBoolean());
      case NULL -> {
        in.nextNull();
        out.append("null");
      }
      default -> throw new IllegalStateException("no value");
    }
  }

  private static void object(JsonReader in, StringBuilder out) throws IOException {
    // Sorted by UTF-16 code units, as the RFC wants it and String compares.
    Map<String, String> fields = new TreeMap<>();
    in.beginObject();
    while (in.hasNext()) {
      String name = in.nextName();
      StringBuilder field = new StringBuilder();
      value(in, field);
      if (fields.put(name, field.toString()) != null) {
        throw new IllegalArgumentException("json names a field twice");
      }
    }
    in.endObject();
    String separator = "{";
    for (Map.Entry<String, String> field : fields.entrySet()) {
      out.append(separator);
      string(field.getKey(), out);
      out.append(':').append(field.getValue());
      separator = ",";
    }
    out.append(fields.isEmpty() ? "{}" : "}");
  }

  private static void array(JsonReader in, StringBuilder out) throws IOException {
    in.beginArray();
    out.append('[');
    for (boolean isFirst = true; in.hasNext(); isFirst = false) {
      if (!isFirst) {
        out.append(',');
      }
      value(in, out);
    }
    in.endArray();
    out.append(']');
  }

  private static void string(String text, StringBuilder out) {
    out.append('"');
    text.codePoints().forEach(codePoint -> character(codePoint, out));
    out.append('"');
  }

  private static void character(int codePoint, StringBuilder out) {
    switch (codePoint) {
      case '"' -> out.append("\\\"");
      case '\\' -> out.append("\\\\");
      case '\b' -> out.append("\\b");
      case '\t' -> out.append("\\t");
      case '\n' -> out.append("\\n");
      case '\f' -> out.append("\\f");
      case '\r' -> out.append("\\r");
      default -> {
        if (codePoint < ' ') {
          out.append(String.format("\\u%04x", codePoint));
        } else if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
          throw new IllegalArgumentException("json has an unpaired surrogate");
        } else {
          out.appendCodePoint(codePoint);
        }
      }
    }
  }

  /** As ECMAScript's Number::toString, which the RFC refers to. */
  static String number(String text) {
    double number = Double.parseDouble(text);
    if (Double.isInfinite(number)) {
      throw new IllegalArgumentException("json has a number that is too large for a double");
    }
    BigDecimal shortest = shortest(number);
    if (isOtherInteger(text, shortest)) {
      throw new IllegalArgumentException(
          "json has an integer that is not a double, so that another would look the same");
    }
    if (number == 0) {
      return "0";
    }
    BigDecimal positive = shortest.abs().stripTrailingZeros();
    String digits = positive.unscaledValue().toString();
    String written = written(digits, digits.length() - positive.scale());
    return number < 0 ? "-" + written : written;
  }

  /** Whether a number, such as an id, would lose some of its digits. */
  private static boolean isOtherInteger(String text, BigDecimal asDouble) {
    BigDecimal exact = new BigDecimal(text);
    boolean isInteger = exact.signum() == 0 || exact.stripTrailingZeros().scale() <= 0;
    return isInteger && exact.compareTo(asDouble) != 0;
  }

  /**
   * The decimal of fewest digits that reads as this double, and of these the closest. Double's own
   * text is that only from Java 19 on.
   */
  private static BigDecimal shortest(double number) {
    BigDecimal exact = new BigDecimal(number);
    for (int digits = 1; digits <= MOST_DIGITS; digits++) {
      BigDecimal below = exact.round(new MathContext(digits, RoundingMode.FLOOR));
      BigDecimal above = exact.round(new MathContext(digits, RoundingMode.CEILING));
      boolean hasBelow = below.doubleValue() == number;
      boolean hasAbove = above.doubleValue() == number;
      if (hasBelow && hasAbove) {
        boolean isCloser = exact.subtract(below).compareTo(above.subtract(exact)) <= 0;
        return isCloser ? below : above;
      }
      if (hasBelow || hasAbove) {
        return hasBelow ? below : above;
      }
    }
    throw new AssertionError(number + " has more than " + MOST_DIGITS + " digits");
  }

  /** Writes 0.digits × 10^point. */
  private static String written(String digits, int point) {
    int length = digits.length();
    if (length <= point && point <= MOST_INTEGER_DIGITS) {
      return digits + "0".repeat(point - length);
    }
    if (0 < point && point <= MOST_INTEGER_DIGITS) {
      return digits.substring(0, point) + '.' + digits.substring(point);
    }
    if (-MOST_LEADING_ZEROS < point && point <= 0) {
      return "0." + "0".repeat(-point) + digits;
    }
    int exponent = point - 1;
    String mantissa = length == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
    return mantissa + 'e' + (exponent < 0 ? "-" : "+") + Math.abs(exponent);
  }
}
