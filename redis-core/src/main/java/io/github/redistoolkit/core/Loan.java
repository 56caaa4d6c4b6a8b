package io.github.redistoolkit.core;

import redis.clients.jedis.Connection;

/**
 * A connection borrowed from the caller's pool, to be ended once, by {@link #giveBack} or {@link
 * #discard}. Not thread-safe.
 */
public interface Loan {

  /**
   * Returns the connection.
   *
   * @return it, ready for commands, with everything that the pool gave it
   */
  Connection connection();

  /** Gives it back, with no reply outstanding. One that is broken is discarded instead. */
  void giveBack();

  /** Closes it without a word to the server; the pool makes another when it needs one. */
  void discard();
}
