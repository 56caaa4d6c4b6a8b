package io.github.redistoolkit.lock;

import java.util.NoSuchElementException;
import java.util.Set;
import redis.clients.jedis.exceptions.JedisBusyException;
import redis.clients.jedis.exceptions.JedisClusterException;
import redis.clients.jedis.exceptions.JedisClusterOperationException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisRedirectionException;

/** What the failures of a call to Redis mean to one who has time left. */
final class Failures {

  /** Errors of a server that is starting, changing its role, or has been told to unblock us. */
  private static final Set<String> PASSING =
      Set.of("UNBLOCKED", "LOADING", "READONLY", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS");

  private Failures() {}

  /** Tells whether the same call may well succeed in a moment. */
  static boolean isPassing(JedisException failure) {
    if (failure instanceof JedisDataException) {
      return failure instanceof JedisBusyException
          || failure instanceof JedisClusterException
          || failure instanceof JedisRedirectionException
          || PASSING.contains(String.valueOf(failure.getMessage()).split(" ", 2)[0]);
    }
    return failure instanceof JedisConnectionException
        || failure instanceof JedisClusterOperationException
        || failure.getCause() instanceof JedisConnectionException
        || failure.getCause() instanceof NoSuchElementException; // an exhausted pool
  }

  /** Tells whether the server may have executed the call nevertheless, if it was sent once. */
  static boolean isUnknown(JedisException failure) {
    // Error replies come instead of an execution, but for those that name the place in the script
    // where it ended, unless they are of a server that refuses all writes, the first as well.
    if (failure instanceof JedisDataException) {
      return isFromWithinScript(failure) && !isPassing(failure);
    }
    // A pool that gives nothing sends nothing.
    return !(failure.getCause() instanceof NoSuchElementException)
        && !(failure.getCause() instanceof IllegalStateException)
        && !(failure.getCause() instanceof InterruptedException);
  }

  private static boolean isFromWithinScript(JedisException failure) {
    return String.valueOf(failure.getMessage()).contains("@user_script");
  }
}
