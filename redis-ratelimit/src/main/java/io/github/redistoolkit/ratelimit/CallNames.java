package io.github.redistoolkit.ratelimit;

import java.util.concurrent.ThreadLocalRandom;

/**
 * Names of calls, by which the script knows one that is sent again.
 *
 * <p>48 random bits each, in eight characters of plain ASCII. A name is compared with one other,
 * that of the last call that changed the same id.
 */
final class CallNames {

  private static final int LENGTH = 8;
  private static final String DIGITS =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";

  private CallNames() {}

  static String next() {
    long random = ThreadLocalRandom.current().nextLong();
    char[] name = new char[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
      name[i] = DIGITS.charAt((int) (random >>> (6 * i)) & 63);
    }
    return new String(name);
  }
}
