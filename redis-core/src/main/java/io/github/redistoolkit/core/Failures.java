package io.github.redistoolkit.core;

import java.util.NoSuchElementException;
import java.util.Set;
import redis.clients.jedis.exceptions.JedisClusterOperationException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** What a failure of Redis means, in the same words for every module. */
public final class Failures {

  /**
   * The codes of errors by which a server says that it cannot do this now, but may in a moment: it
   * starts, is busy with a script, changes its role or the owner of a slot, or is short of memory,
   * of disk or of replicas. {@code UNBLOCKED} ends a wait from outside.
   */
  private static final Set<String> PASSING =
      Set.of(
          "BUSY",
          "CLUSTERDOWN",
          "LOADING",
          "MASTERDOWN",
          "MISCONF",
          "NOREPLICAS",
          "OOM",
          "READONLY",
          "TRYAGAIN",
          "UNBLOCKED");

  /** What a script gets from a stale replica, in place of {@code MASTERDOWN}. */
  private static final String STALE_REPLICA = "ERR Can not execute the command on a stale replica";

  private Failures() {}

  /**
   * Returns the code that an error reply begins with, such as {@code WRONGTYPE}.
   *
   * @param failure what Jedis threw
   * @return the first word of an error that the server answered, else an empty text
   */
  public static String code(JedisException failure) {
    if (!(failure instanceof JedisDataException) || failure.getMessage() == null) {
      return "";
    }
    String message = failure.getMessage();
    int space = message.indexOf(' ');
    return space < 0 ? message : message.substring(0, space);
  }

  /**
   * Tells whether the same call may well succeed in a moment, without anybody repairing anything:
   * no connection was to be had or it broke, or the server said so. Neither an interrupt nor a
   * closed pool passes, nor a redirection: who can follow one has done so.
   *
   * @param failure what Jedis threw
   * @return whether it may pass
   */
  public static boolean isPassing(JedisException failure) {
    if (isInterrupt(failure)) {
      return false;
    }
    if (failure instanceof JedisDataException) {
      return PASSING.contains(code(failure))
          || String.valueOf(failure.getMessage()).startsWith(STALE_REPLICA);
    }
    return failure instanceof JedisConnectionException
        || failure instanceof JedisClusterOperationException
        || failure.getCause() instanceof JedisConnectionException
        || isExhausted(failure);
  }

  /**
   * Tells whether the server may have executed the call nevertheless, if it was sent once. Where a
   * client {@linkplain RedisAccess#resends sends again} by itself, what it throws in the end says
   * nothing about its first try, so ask {@link #mayHaveRun(JedisException, RedisAccess)}.
   *
   * @param failure what Jedis threw
   * @return whether its outcome is unknown
   */
  public static boolean mayHaveRun(JedisException failure) {
    // Error replies come instead of an execution, but for those that name the place in the script
    // where it ended, unless they are of a server that refuses all writes, the first as well.
    if (failure instanceof JedisDataException) {
      return isFromWithinScript(failure) && !isPassing(failure);
    }
    // A pool that gives nothing sends nothing.
    return !isExhausted(failure) && !isClosed(failure) && !isInterrupt(failure);
  }

  /**
   * Tells whether the server may have executed a call that went a given way.
   *
   * @param failure what Jedis threw
   * @param redis the way that the call went
   * @return whether its outcome is unknown
   */
  public static boolean mayHaveRun(JedisException failure, RedisAccess redis) {
    return redis.resends() || mayHaveRun(failure);
  }

  /**
   * Tells whether the thread was interrupted while it waited for a connection, or in a Cluster for
   * the next try.
   *
   * @param failure what {@link RedisAccess} threw, which has set the thread's interrupt flag
   * @return whether an interrupt ended the call
   */
  public static boolean isInterrupt(JedisException failure) {
    return failure.getCause() instanceof InterruptedException;
  }

  /**
   * Tells whether no connection of a pool became free in time.
   *
   * @param failure what Jedis threw
   * @return whether the pool had none to give
   */
  public static boolean isExhausted(JedisException failure) {
    return failure.getCause() instanceof NoSuchElementException;
  }

  private static boolean isClosed(JedisException failure) {
    return failure.getCause() instanceof IllegalStateException;
  }

  private static boolean isFromWithinScript(JedisException failure) {
    return String.valueOf(failure.getMessage()).contains("@user_script");
  }
}
