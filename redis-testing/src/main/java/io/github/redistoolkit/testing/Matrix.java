package io.github.redistoolkit.testing;

/**
 * How much a run covers: {@code -Dredis.matrix=clients} asks for every kind of client, {@code
 * -Dredis.matrix=full} for everything.
 */
public enum Matrix {
  /**
   * What each change is tested with: one kind of client for each topology. The two that reach a
   * single server are dealt out among the suites.
   */
  DEFAULT,
  /** Every kind of client and protocol, and otherwise the same. */
  CLIENTS,
  /** Every kind of client and protocol, long soaks and large counts. */
  FULL;

  /**
   * The size of this run.
   *
   * @return {@link #DEFAULT} unless {@code redis.matrix} names another
   * @throws IllegalArgumentException if it names none
   */
  public static Matrix ofThisRun() {
    String name = System.getProperty("redis.matrix", "");
    return switch (name) {
      case "", "default" -> DEFAULT;
      case "clients" -> CLIENTS;
      case "full" -> FULL;
      default ->
          throw new IllegalArgumentException(
              "redis.matrix must be default, clients or full, but is " + name);
    };
  }

  /**
   * The second in a full run, otherwise the first.
   *
   * @param byDefault how many in a short run
   * @param full how many in a full one
   * @return one of the two
   */
  public static int size(int byDefault, int full) {
    return ofThisRun() == FULL ? full : byDefault;
  }
}
