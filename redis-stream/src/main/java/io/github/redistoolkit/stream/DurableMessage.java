package io.github.redistoolkit.stream;

import java.time.Instant;
import java.util.Objects;

/**
 * What a handler receives.
 *
 * @param id the id that Redis gave it when it was published. It is the same at each delivery and in
 *     each group, also for one that was sent back from the dead letters
 * @param body the decoded message, never null
 * @param published when, by the server's clock
 * @param delivery how often Redis has delivered it to the group, this time included: 1, 2, … For
 *     what is read without a group always 1
 * @param <T> the type of the body
 */
public record DurableMessage<T>(String id, T body, Instant published, int delivery) {

  /**
   * Checks that nothing is missing.
   *
   * @param id the id
   * @param body the decoded message
   * @param published when it was published
   * @param delivery how often it was delivered
   * @throws NullPointerException if one is null
   */
  public DurableMessage {
    Objects.requireNonNull(id, "id");
    Objects.requireNonNull(body, "body");
    Objects.requireNonNull(published, "published");
  }
}
