package io.github.redistoolkit.pubsub;

import java.util.Objects;

/**
 * The plain text of a message, without JSON around it. This is what {@code redis-cli PUBLISH
 * channel hello} sends, and what programs expect that do not know JSON. It is published as UTF-8. A
 * subscription of this type takes any message that is UTF-8.
 *
 * @param value the text; may be empty
 */
public record Text(String value) {

  /**
   * Checks that it is there.
   *
   * @param value the text
   * @throws NullPointerException if {@code value} is null
   */
  public Text {
    Objects.requireNonNull(value, "value");
  }

  /**
   * Returns the text.
   *
   * @return the same as {@link #value}
   */
  @Override
  public String toString() {
    return value;
  }
}
