package io.github.redistoolkit.soak;

import java.util.SplittableRandom;

/** Somebody who uses one module again and again, and has written down what happens. */
interface Actor extends AutoCloseable {

  /** Does something that the random numbers choose. */
  void act(SplittableRandom random) throws InterruptedException;

  @Override
  default void close() {}
}
