package io.github.redistoolkit.benchmark;

/** A measurement that does not fit JMH, since what is timed is not one call. */
interface Harness {

  /** Measures every row once and adds to what was measured before. */
  void run(Pace pace) throws InterruptedException;

  /** What was measured, as Markdown. */
  String table();
}
