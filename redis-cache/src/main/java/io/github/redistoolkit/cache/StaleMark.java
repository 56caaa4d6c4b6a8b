package io.github.redistoolkit.cache;

import java.util.Arrays;

/**
 * What stands before a value that its key outlives, so that it can be returned when a load fails:
 * white space, which every reader of JSON skips.
 *
 * <p>It begins with a line feed, two tabs and a line feed. 48 characters follow that say for how
 * many milliseconds the key outlives the entry, and 48 that have a time in milliseconds of Redis's
 * clock: before which no load is to be tried again, or while a lease stands before the mark, when
 * the key is to end. They are spaces for zeros and tabs for ones, the highest bit first.
 */
final class StaleMark {

  private static final String SIGN = "\n\t\t\n";
  private static final int BITS = 48;
  private static final int LENGTH = SIGN.length() + 2 * BITS;

  private StaleMark() {}

  /** The mark of an entry that its key outlives by a while. */
  static String of(long millis) {
    StringBuilder mark = new StringBuilder(SIGN);
    for (int bit = BITS - 1; bit >= 0; bit--) {
      mark.append((millis >>> bit & 1) == 0 ? ' ' : '\t');
    }
    return mark.append(" ".repeat(BITS)).toString();
  }

  static boolean isAtStartOf(byte[] bytes) {
    if (bytes.length < LENGTH || bytes[0] != SIGN.charAt(0)) {
      return false;
    }
    for (int i = 1; i < SIGN.length(); i++) {
      if (bytes[i] != SIGN.charAt(i)) {
        return false;
      }
    }
    for (int i = SIGN.length(); i < LENGTH; i++) {
      if (bytes[i] != ' ' && bytes[i] != '\t') {
        return false;
      }
    }
    return true;
  }

  /** For how many milliseconds the key outlives the entry. */
  static long millis(byte[] bytes) {
    long millis = 0;
    for (int i = SIGN.length(); i < SIGN.length() + BITS; i++) {
      millis = millis << 1 | (bytes[i] == '\t' ? 1 : 0);
    }
    return millis;
  }

  static byte[] without(byte[] bytes) {
    return Arrays.copyOfRange(bytes, LENGTH, bytes.length);
  }
}
