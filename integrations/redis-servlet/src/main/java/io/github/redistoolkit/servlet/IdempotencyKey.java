package io.github.redistoolkit.servlet;

import org.jspecify.annotations.Nullable;

/** The value of the header field {@code Idempotency-Key}. */
final class IdempotencyKey {

  static final String HEADER = "Idempotency-Key";

  private static final int LONGEST = 255;

  private IdempotencyKey() {}

  /**
   * Reads a String of RFC 8941, 3.3.3, without parameters, of which the draft defines none.
   *
   * @param value of the header field
   * @return the key, or null if it is malformed, empty or too long
   */
  static @Nullable String parse(String value) {
    String text = strip(value);
    int last = text.length() - 1;
    if (last < 1 || text.charAt(0) != '"' || text.charAt(last) != '"') {
      return null;
    }
    StringBuilder key = new StringBuilder();
    for (int at = 1; at < last; at++) {
      char c = text.charAt(at);
      if (c == '\\') {
        at++;
        c = text.charAt(at);
        if (at == last || (c != '"' && c != '\\')) {
          return null;
        }
      } else if (c < 0x20 || c > 0x7e || c == '"') {
        return null;
      }
      key.append(c);
    }
    return key.length() < 1 || key.length() > LONGEST ? null : key.toString();
  }

  private static String strip(String value) {
    int from = 0;
    int to = value.length();
    while (from < to && value.charAt(from) == ' ') {
      from++;
    }
    while (to > from && value.charAt(to - 1) == ' ') {
      to--;
    }
    return value.substring(from, to);
  }
}
