package io.github.redistoolkit.cache;

import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;

/**
 * What stands behind a value that is being refreshed: white space, which every reader of JSON
 * skips.
 *
 * <p>It begins with a line feed, a tab, a line feed and a tab. 48 characters follow that name the
 * refresh, and 48 that say when it ends, in milliseconds of Redis's time: spaces for zeros and tabs
 * for ones, the highest bit first. Whatever replaces the value removes the mark with it, and so
 * what the refresh loads is refused.
 */
final class RefreshMark {

  static final String SIGN = "\n\t\n\t";

  private static final int BITS = 48;
  private static final int LENGTH = SIGN.length() + 2 * BITS;

  private RefreshMark() {}

  /** Names a refresh. */
  static String newToken() {
    long random = ThreadLocalRandom.current().nextLong();
    StringBuilder token = new StringBuilder();
    for (int bit = BITS - 1; bit >= 0; bit--) {
      token.append((random >>> bit & 1) == 0 ? ' ' : '\t');
    }
    return token.toString();
  }

  static boolean isAtEndOf(byte[] bytes) {
    int start = bytes.length - LENGTH;
    if (start < 1 || !isBit(bytes[bytes.length - 1])) {
      return false;
    }
    for (int i = 0; i < SIGN.length(); i++) {
      if (bytes[start + i] != SIGN.charAt(i)) {
        return false;
      }
    }
    for (int i = start + SIGN.length(); i < bytes.length; i++) {
      if (!isBit(bytes[i])) {
        return false;
      }
    }
    return true;
  }

  private static boolean isBit(byte character) {
    return character == ' ' || character == '\t';
  }

  static byte[] without(byte[] bytes) {
    return Arrays.copyOf(bytes, bytes.length - LENGTH);
  }
}
