package io.github.redistoolkit.cache;

import org.jspecify.annotations.Nullable;

/**
 * What one read found under a key.
 *
 * <p>In place of a value a mark may stand there. JSON never starts with a number sign, so no mark
 * can be taken for a value; to every read it is an absence.
 *
 * @param <V> the type of values
 */
sealed interface Found<V> {

  /** Begins every mark. */
  char SIGN = '#';

  /**
   * Begins the mark of a load that is under way, followed by {@code token@end}, and that by the
   * entry that is returned if the load fails, if there is one.
   */
  String LEASE = "#lease:";

  /**
   * Begins the mark of database updates that are under way, followed by {@code token@end} of each,
   * comma-separated. Ends are in milliseconds of Redis's time.
   */
  String HOLD = "#hold:";

  /** Nothing. */
  record Absent<V>() implements Found<V> {}

  /**
   * A value; null is a stored {@code null}.
   *
   * @param lifeMillis how long it still lives, if that was asked, else very long
   * @param isRefreshing whether a refresh was begun
   */
  record Value<V>(@Nullable V value, long lifeMillis, boolean isRefreshing) implements Found<V> {

    Value(@Nullable V value) {
      this(value, Long.MAX_VALUE, false);
    }
  }

  /** A value past its time to live, to be returned only if it cannot be loaded. */
  record Stale<V>(@Nullable V value) implements Found<V> {}

  /** The mark of a load that is under way. */
  record Lease<V>(String mark) implements Found<V> {

    /** The lease with which this begins; null if it does not. */
    static <V> @Nullable Lease<V> of(String text) {
      if (!text.startsWith(LEASE)) {
        return null;
      }
      int end = text.indexOf('\n'); // where what is kept for a failure begins
      return new Lease<>(end < 0 ? text : text.substring(0, end));
    }

    /** The mark up to the time of its end: by this its owner knows it. */
    String lease() {
      return mark.substring(0, mark.lastIndexOf('@') + 1);
    }

    /** Whether it has no owner. */
    boolean isMalformed() {
      return lease().isEmpty();
    }
  }

  /** The mark of an update that is under way. */
  record Hold<V>() implements Found<V> {}

  /** Bytes that are no value of the type, with the SHA-1 of them. */
  record Undecodable<V>(String sha1) implements Found<V> {}

  /** Returns the value, if it is one that is not null. */
  default @Nullable V valueOrNull() {
    return this instanceof Value<V> found ? found.value() : null;
  }
}
