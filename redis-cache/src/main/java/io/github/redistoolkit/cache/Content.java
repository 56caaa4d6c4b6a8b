package io.github.redistoolkit.cache;

import org.jspecify.annotations.Nullable;

/**
 * What one read found under a key.
 *
 * @param state which kind of thing
 * @param value the value, if it is one; null also for a stored {@code null}
 * @param mark the lease, if it is one; the SHA-1 of the bytes, if they are undecodable; else empty
 * @param <V> the type of values
 */
record Content<V>(State state, @Nullable V value, String mark) {

  enum State {
    ABSENT,
    VALUE,
    LEASE,
    HOLD,
    UNDECODABLE
  }

  /** Whether a load may put its lease here. */
  boolean isAbsence() {
    return state == State.ABSENT || state == State.UNDECODABLE;
  }

  static <V> Content<V> absent() {
    return new Content<>(State.ABSENT, null, "");
  }

  static <V> Content<V> value(@Nullable V value) {
    return new Content<>(State.VALUE, value, "");
  }

  static <V> Content<V> lease(String marker) {
    return new Content<>(State.LEASE, null, marker);
  }

  static <V> Content<V> hold() {
    return new Content<>(State.HOLD, null, "");
  }

  static <V> Content<V> undecodable(String sha1) {
    return new Content<>(State.UNDECODABLE, null, sha1);
  }
}
