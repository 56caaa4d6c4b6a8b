package io.github.redistoolkit.cache;

/**
 * The marks that stand under a key in place of a value. JSON never starts with a number sign, so
 * they cannot be taken for one; to every read they are an absence.
 */
final class Marker {

  /** Begins every mark. */
  static final char SIGN = '#';

  /** Begins the mark of a load that is under way, followed by its token. */
  static final String LEASE = "#lease:";

  /**
   * Begins the mark of database updates that are under way, followed by {@code token@deadline} of
   * each, comma-separated, the deadlines in milliseconds of Redis's time.
   */
  static final String HOLD = "#hold:";

  private Marker() {}
}
