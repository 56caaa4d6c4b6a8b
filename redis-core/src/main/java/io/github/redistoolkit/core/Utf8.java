package io.github.redistoolkit.core;

/** What UTF-8 cannot carry. */
final class Utf8 {

  private Utf8() {}

  /**
   * Refuses half of a surrogate pair, in whose place Jedis would send a question mark.
   *
   * @throws IllegalArgumentException if there is one
   */
  static void requireEncodable(String json) {
    for (int at = 0; at < json.length(); at++) {
      char c = json.charAt(at);
      if (Character.isSurrogate(c)) {
        boolean pair =
            Character.isHighSurrogate(c)
                && at + 1 < json.length()
                && Character.isLowSurrogate(json.charAt(at + 1));
        if (!pair) {
          throw new IllegalArgumentException(
              "the JSON of the value has an unpaired surrogate, which UTF-8 cannot carry");
        }
        at++;
      }
    }
  }
}
