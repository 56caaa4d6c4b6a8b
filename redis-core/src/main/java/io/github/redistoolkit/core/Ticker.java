package io.github.redistoolkit.core;

/** The clock by which a module measures waits and local deadlines; a test gives one of its own. */
@FunctionalInterface
public interface Ticker {

  /**
   * Returns the time, of which only differences mean anything.
   *
   * @return nanoseconds, as {@link System#nanoTime} counts them
   */
  long nanoTime();

  /**
   * Returns the clock of this JVM.
   *
   * @return {@link System#nanoTime}
   */
  static Ticker system() {
    return System::nanoTime;
  }
}
