package io.github.redistoolkit.pubsub;

import java.util.Objects;

/**
 * The text of a message as it is, without JSON around it: what {@code redis-cli PUBLISH channel
 * hello} sends, and programs that do not know JSON expect. Published, it goes as its UTF-8;
 * subscribed as, it takes any message that is UTF-8.
 *
 * @param value the text, also empty
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
