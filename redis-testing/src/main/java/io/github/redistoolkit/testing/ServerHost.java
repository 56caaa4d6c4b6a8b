package io.github.redistoolkit.testing;

import java.util.List;

/**
 * A place where server processes run: this machine, or one container with its ports published. It
 * is closed with the JVM at the latest.
 */
interface ServerHost extends AutoCloseable {

  /** The directory there that holds the files of its servers. */
  String directory();

  /** The lines of a server's configuration that make it reachable at 127.0.0.1 from here. */
  List<String> network();

  /** The command that starts a Redis server there. */
  String executable();

  /**
   * Writes a file into {@link #directory} and starts a process, which ends with this host at the
   * latest.
   */
  Running launch(String file, String text, List<String> command);

  /**
   * Runs a shell script and waits for its end.
   *
   * @return what it printed
   * @throws IllegalStateException if it fails
   */
  String run(String script);

  /** Ends every process and removes every file. */
  @Override
  void close();

  /** A process that was started. */
  interface Running {

    /** Whether it has not ended yet. */
    boolean isRunning();
  }
}
