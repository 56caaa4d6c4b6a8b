package io.github.redistoolkit.pubsub;

import java.util.Objects;

/**
 * What a handler receives.
 *
 * @param channel the channel it was published to; for a pattern, the one that matched. Bytes of the
 *     channel that are not UTF-8 appear as {@code U+FFFD}
 * @param body the decoded message, never null
 * @param <T> its type
 */
public record Message<T>(String channel, T body) {

  /**
   * Checks that nothing is missing.
   *
   * @param channel the channel it was published to
   * @param body the decoded message
   * @throws NullPointerException if either is null
   */
  public Message {
    Objects.requireNonNull(channel, "channel");
    Objects.requireNonNull(body, "body");
  }
}
