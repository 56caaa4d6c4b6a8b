package io.github.redistoolkit.pubsub;

/** Sizes that are small unless the whole matrix is asked for. */
final class Matrix {

  private Matrix() {}

  static int size(int small, int full) {
    return System.getProperty("redis.matrix", "").equals("full") ? full : small;
  }
}
