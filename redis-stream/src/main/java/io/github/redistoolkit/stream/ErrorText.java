package io.github.redistoolkit.stream;

/** What a dead letter says of an error. */
final class ErrorText {

  private static final int LONGEST_BYTES = 1_000;

  private ErrorText() {}

  /** Class and message, with nothing in it that UTF-8 cannot carry. */
  static String of(Throwable error) {
    String text;
    try {
      text = error.toString();
    } catch (RuntimeException e) {
      text = error.getClass().getName();
    }
    text = text == null ? error.getClass().getName() : text;
    StringBuilder bounded = new StringBuilder();
    int bytes = 0;
    for (int at = 0; at < text.length(); at += Character.charCount(text.codePointAt(at))) {
      int codePoint = text.codePointAt(at);
      boolean half = codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
      bytes += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
      if (bytes > LONGEST_BYTES) {
        break;
      }
      bounded.appendCodePoint(half ? '?' : codePoint);
    }
    return bounded.toString();
  }
}
