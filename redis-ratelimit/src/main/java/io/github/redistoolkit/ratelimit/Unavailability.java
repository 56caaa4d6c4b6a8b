package io.github.redistoolkit.ratelimit;

import java.util.List;
import java.util.NoSuchElementException;
import redis.clients.jedis.exceptions.JedisBusyException;
import redis.clients.jedis.exceptions.JedisClusterException;
import redis.clients.jedis.exceptions.JedisClusterOperationException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** Tells failures that pass from those that somebody has to repair. */
final class Unavailability {

  /** How the errors begin by which a server says that it cannot do this now. */
  private static final List<String> PASSING =
      List.of(
          "LOADING ",
          "READONLY ",
          "OOM ",
          "MASTERDOWN ",
          "MISCONF ",
          "NOREPLICAS ",
          "TRYAGAIN ",
          // What a script gets instead of MASTERDOWN.
          "ERR Can not execute the command on a stale replica");

  private Unavailability() {}

  /** Whether Redis could not decide now, so that a policy applies. */
  static boolean is(JedisException e) {
    if (isInterrupt(e)) {
      return false;
    }
    if (e instanceof JedisDataException) {
      return e instanceof JedisBusyException
          || e instanceof JedisClusterException
          || PASSING.stream().anyMatch(start -> String.valueOf(e.getMessage()).startsWith(start));
    }
    return e instanceof JedisConnectionException
        || e instanceof JedisClusterOperationException
        // No connection of the pool became free in time.
        || e.getCause() instanceof NoSuchElementException;
  }

  /** Whether the thread was interrupted while it waited for a connection. */
  static boolean isInterrupt(JedisException e) {
    return e.getCause() instanceof InterruptedException;
  }
}
