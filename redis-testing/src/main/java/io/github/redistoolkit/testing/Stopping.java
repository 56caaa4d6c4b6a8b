package io.github.redistoolkit.testing;

/** How a process is stopped where it is. */
final class Stopping {

  /**
   * A shell script that stops process {@code $p} and waits until each of its threads has stopped:
   * the signal is only on its way when {@code kill} returns, and a busy machine takes its time. It
   * fails if the process has ended by then.
   */
  static final String SCRIPT =
      "kill -s STOP $p && { ! [ -d /proc/$p/task ] || while cat /proc/$p/task/*/stat 2>/dev/null |"
          + " grep -qv ') [Tt] '; do sleep 0.01; done; } && kill -s 0 $p";

  private Stopping() {}
}
