package io.github.redistoolkit.cache;

/** How much a test does: little by default, all with {@code -Dredis.matrix=full}. */
final class Sizes {

  private Sizes() {}

  static int of(int byDefault, int full) {
    return System.getProperty("redis.matrix", "default").equals("full") ? full : byDefault;
  }
}
