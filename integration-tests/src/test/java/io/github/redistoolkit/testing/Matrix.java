package io.github.redistoolkit.testing;

/** How much a run covers: {@code -Dredis.matrix=full} asks for everything. */
public enum Matrix {
  /** What each change is tested with: one kind of client for each of the ways to connect. */
  DEFAULT,
  /** Every kind of client and protocol, long soaks and large counts. */
  FULL;

  /** The size of this run. */
  public static Matrix ofThisRun() {
    String name = System.getProperty("redis.matrix", "");
    return switch (name) {
      case "", "default" -> DEFAULT;
      case "full" -> FULL;
      default ->
          throw new IllegalArgumentException(
              "redis.matrix must be default or full, but is " + name);
    };
  }

  /** The first in a default run, the second in a full one. */
  public static int size(int byDefault, int full) {
    return ofThisRun() == FULL ? full : byDefault;
  }
}
