package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaScript;
import java.util.List;

/**
 * What there are leases on, and the scripts that grant and end them. The scripts of all kinds take
 * the same keys and arguments, as {@link LockScripts} describes them, and give the same replies.
 *
 * @param word what it is called, in messages and in its keys
 * @param acquire grants a lease
 * @param release ends a lease
 * @param extend moves the end of a lease
 * @param count says how many leases there are
 * @param facts what the scripts that grant and end take besides, in the last of their arguments
 */
record Kind(
    String word,
    LuaScript acquire,
    LuaScript release,
    LuaScript extend,
    LuaScript count,
    List<String> facts) {

  /** What one at a time may have. */
  static final Kind LOCK =
      new Kind(
          "lock",
          LockScripts.ACQUIRE,
          LockScripts.RELEASE,
          LockScripts.EXTEND,
          LockScripts.IS_LOCKED,
          List.of());

  /** What so many at a time may have. */
  static Kind semaphore(int permits) {
    return new Kind(
        "semaphore",
        SemaphoreScripts.ACQUIRE,
        SemaphoreScripts.RELEASE,
        SemaphoreScripts.EXTEND,
        SemaphoreScripts.COUNT,
        List.of(String.valueOf(permits)));
  }
}
