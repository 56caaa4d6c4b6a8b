package io.github.redistoolkit.benchmark;

import java.util.Arrays;
import java.util.List;

/**
 * How many threads call at a time, and of which kind.
 *
 * @param threads their number
 * @param virtual whether they are virtual, which Java has from 21 on
 */
record Callers(int threads, boolean virtual) {

  /** One platform thread. */
  static final Callers ONE = new Callers(1, false);

  /** JMH's own switch, of a fork. */
  static final String ON_VIRTUAL_THREADS = "-Djmh.executor=VIRTUAL";

  private static final int FIRST_WITH_VIRTUAL_THREADS = 21;

  /** Several, as {@code 1,32,128v}: a {@code v} stands for virtual threads. */
  static List<Callers> list(String text) {
    return Arrays.stream(text.split(",", -1)).map(Callers::of).toList();
  }

  private static Callers of(String text) {
    if (!text.matches("[1-9][0-9]{0,4}v?")) {
      throw new IllegalArgumentException(
          "callers must be numbers of threads as in 1,32,128v, but one is '" + text + "'");
    }
    boolean virtual = text.endsWith("v");
    if (virtual && Runtime.version().feature() < FIRST_WITH_VIRTUAL_THREADS) {
      throw new IllegalArgumentException(
          "callers has " + text + ", but Java " + Runtime.version() + " has no virtual threads");
    }
    return new Callers(Integer.parseInt(text.replace("v", "")), virtual);
  }
}
