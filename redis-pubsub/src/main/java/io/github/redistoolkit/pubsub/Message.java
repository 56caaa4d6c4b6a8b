package io.github.redistoolkit.pubsub;

import java.util.Objects;

/**
 * What a handler receives.
 *
 * @param channel the channel it was published to; for a pattern, the one that matched. Bytes of the
 *     channel that are not UTF-8 appear as {@code U+FFFD}
 * @param body the decoded message, never null
 * @param subscription the subscription that it came through, so that a handler can close its own
 * @param <T> the type of the body
 */
public record Message<T>(String channel, T body, Subscription subscription) {

  /**
   * Checks that nothing is missing.
   *
   * @param channel the channel it was published to
   * @param body the decoded message
   * @param subscription the subscription that it came by
   * @throws NullPointerException if one is null
   */
  public Message {
    Objects.requireNonNull(channel, "channel");
    Objects.requireNonNull(body, "body");
    Objects.requireNonNull(subscription, "subscription");
  }
}
