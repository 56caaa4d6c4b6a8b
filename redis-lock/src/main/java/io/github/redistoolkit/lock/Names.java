package io.github.redistoolkit.lock;

/** How the names that callers give appear in messages and in the log. */
final class Names {

  private static final int LONGEST = 200;

  private Names() {}

  /**
   * Returns a name in one line and of bounded length: what controls a terminal or begins a line of
   * its own is written as an escape, so that no name can forge a log.
   */
  static String shown(String name) {
    StringBuilder shown = new StringBuilder();
    int at = 0;
    while (at < name.length() && shown.length() < LONGEST) {
      int codePoint = name.codePointAt(at);
      if (isHarmless(codePoint)) {
        shown.appendCodePoint(codePoint);
      } else {
        shown.append(String.format("\\u%04x", codePoint));
      }
      at += Character.charCount(codePoint);
    }
    return at < name.length() ? shown.append('…').toString() : shown.toString();
  }

  private static boolean isHarmless(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.SURROGATE ->
          false;
      default -> codePoint != '\\';
    };
  }
}
