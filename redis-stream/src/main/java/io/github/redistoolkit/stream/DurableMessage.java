package io.github.redistoolkit.stream;

import java.time.Instant;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * What a handler receives.
 *
 * @param id the id that Redis gave it when it was published, with {@code @} and the number of its
 *     partition behind it if the topic has several. It is the same at each delivery and in each
 *     group, also for one that was sent back from the dead letters
 * @param body the decoded message, never null
 * @param published when, by the server's clock
 * @param delivery how often Redis has delivered it to the group, this time included: 1, 2, … For
 *     what is read without a group always 1
 * @param fence the fencing number of the consumer that has the partition; empty for what is not
 *     read by a group, or if the topic has no partitions. It is larger for each consumer that gets
 *     the partition after another. A store that remembers the largest number it has seen for a
 *     partition, and refuses smaller ones, keeps out a consumer that stood still and does not know
 *     that another has taken over
 * @param <T> the type of the body
 */
public record DurableMessage<T>(
    String id, T body, Instant published, int delivery, OptionalLong fence) {

  /**
   * Checks that nothing is missing.
   *
   * @param id the id
   * @param body the decoded message
   * @param published when it was published
   * @param delivery how often it was delivered
   * @param fence the fencing number
   * @throws NullPointerException if one is null
   */
  public DurableMessage {
    Objects.requireNonNull(id, "id");
    Objects.requireNonNull(body, "body");
    Objects.requireNonNull(published, "published");
    Objects.requireNonNull(fence, "fence");
  }

  /**
   * Makes one without a fencing number.
   *
   * @param id the id
   * @param body the decoded message
   * @param published when it was published
   * @param delivery how often it was delivered
   * @throws NullPointerException if one is null
   */
  public DurableMessage(String id, T body, Instant published, int delivery) {
    this(id, body, published, delivery, OptionalLong.empty());
  }
}
