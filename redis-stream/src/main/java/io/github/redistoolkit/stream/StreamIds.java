package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.EventLog;
import java.time.Instant;
import java.util.Objects;
import java.util.regex.Pattern;

/** Ids as Redis gives them to entries of a stream: milliseconds and a number, of 64 bits each. */
final class StreamIds {

  static final String LARGEST_SEQUENCE = "18446744073709551615";

  private static final Pattern ID = Pattern.compile("[0-9]{1,20}-[0-9]{1,20}");

  private StreamIds() {}

  /** Checks an id that a caller gives, and returns it without leading zeros. */
  static String require(String id, String name) {
    Objects.requireNonNull(id, name);
    if (ID.matcher(id).matches()) {
      try {
        int dash = id.indexOf('-');
        long millis = Long.parseUnsignedLong(id, 0, dash, 10);
        long sequence = Long.parseUnsignedLong(id, dash + 1, id.length(), 10);
        return Long.toUnsignedString(millis) + "-" + Long.toUnsignedString(sequence);
      } catch (NumberFormatException e) {
        // More than 64 bits: said below.
      }
    }
    throw new IllegalArgumentException(
        name + " must be an id such as 1700000000000-0, but is " + quoted(id));
  }

  /** What a caller gave for an id, as it is shown in messages: it may be anything. */
  static String quoted(String id) {
    return "\"" + EventLog.escape(id) + "\"";
  }

  static int compare(String a, String b) {
    int byTime = Long.compareUnsigned(millis(a), millis(b));
    return byTime != 0 ? byTime : Long.compareUnsigned(sequence(a), sequence(b));
  }

  static String later(String a, String b) {
    return compare(a, b) >= 0 ? a : b;
  }

  /** The largest id below one. */
  static String before(String id) {
    long millis = millis(id);
    long sequence = sequence(id);
    if (sequence != 0) {
      return Long.toUnsignedString(millis) + "-" + Long.toUnsignedString(sequence - 1);
    }
    return millis == 0 ? "0-0" : Long.toUnsignedString(millis - 1) + "-" + LARGEST_SEQUENCE;
  }

  /** When it was given, by the clock of the server, unless somebody chose it. */
  static Instant time(String id) {
    long millis = millis(id);
    return Instant.ofEpochMilli(millis < 0 ? Long.MAX_VALUE : millis);
  }

  private static long millis(String id) {
    return Long.parseUnsignedLong(id, 0, id.indexOf('-'), 10);
  }

  private static long sequence(String id) {
    return Long.parseUnsignedLong(id, id.indexOf('-') + 1, id.length(), 10);
  }
}
