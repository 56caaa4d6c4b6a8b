package io.github.redistoolkit.core;

/** Logs that have held nothing back yet, whatever other tests have done. */
public final class FreshLog {

  private FreshLog() {}

  /** Begins the log of a class anew. */
  public static void of(Class<?> owner) {
    EventLog.shared(owner).forget();
  }
}
