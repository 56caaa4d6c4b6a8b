package io.github.redistoolkit.testing;

import java.io.IOException;
import redis.embedded.RedisExecProvider;

/** The program in org.signal:embedded-redis; a class of its own, so that the bed loads without. */
final class EmbeddedProgram {

  private EmbeddedProgram() {}

  /**
   * Puts the one for this system into a file that can be executed.
   *
   * @return its path
   * @throws IOException if there is none for this system, or it cannot be written
   */
  static String unpack() throws IOException {
    return RedisExecProvider.defaultProvider().get().getPath();
  }
}
