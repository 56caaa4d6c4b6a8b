package io.github.redistoolkit.pubsub;

import java.util.Objects;

/**
 * Something that has happened to a key.
 *
 * @param event what has happened, as Redis calls it: {@code set}, {@code del}, {@code expired} …
 * @param key the key as the server knows it, with the client's key prefix if it has one; bytes that
 *     are not UTF-8 appear as {@code U+FFFD}
 */
public record KeyEvent(String event, String key) {

  /**
   * Checks that both are there.
   *
   * @param event what happened
   * @param key the key
   * @throws NullPointerException if either is null
   */
  public KeyEvent {
    Objects.requireNonNull(event, "event");
    Objects.requireNonNull(key, "key");
  }
}
