package io.github.redistoolkit.core;

import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What became of one of many commands.
 *
 * @param reply what it answered, null included; null also if it failed
 * @param failure why there is no reply; null if there is one
 * @param direct whether the node answered that was thought to have the key; false if the command
 *     went to another one after that
 * @param <T> what it answers
 */
public record Outcome<T>(@Nullable T reply, @Nullable JedisException failure, boolean direct) {

  static <T> Outcome<T> failed(JedisException failure) {
    return new Outcome<>(null, failure, true);
  }

  /** The same of a command that went to another node first. */
  Outcome<T> redirected() {
    return new Outcome<>(reply, failure, false);
  }

  /**
   * Returns the reply.
   *
   * @return the reply, which may be null
   * @throws JedisException if the command failed
   */
  public @Nullable T get() {
    if (failure != null) {
      throw failure;
    }
    return reply;
  }
}
