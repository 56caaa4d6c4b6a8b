package io.github.redistoolkit.ratelimit;

import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;

/** The time of Redis and of all JVMs. */
final class SimulatedTime implements PermitsAhead.Time {

  record Task(long at, Runnable task) {}

  final PriorityQueue<Task> tasks = new PriorityQueue<>(Comparator.comparingLong(Task::at));

  long nanos;
  Duration late = Duration.ZERO;

  @Override
  public long nanoTime() {
    return nanos;
  }

  @Override
  public void at(long later, Runnable task) {
    tasks.add(new Task(later + late.toNanos(), task));
  }

  void pass(Duration time) {
    nanos += time.toNanos();
    while (!tasks.isEmpty() && tasks.peek().at() <= nanos) {
      tasks.remove().task().run();
    }
  }

  String micros() {
    return Long.toString(1_700_000_000_000_000L + nanos / 1000);
  }
}
