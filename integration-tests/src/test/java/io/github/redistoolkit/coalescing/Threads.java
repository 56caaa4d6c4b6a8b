package io.github.redistoolkit.coalescing;

import java.lang.reflect.Method;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

/** The kinds of threads that callers may be on. */
enum Threads {
  PLATFORM,
  /** Found by reflection, since this is compiled for a Java that has none. */
  VIRTUAL;

  /** Those that this Java has: before 21 platform threads alone. */
  static Stream<Threads> ofThisJava() {
    return Runtime.version().feature() < 21 ? Stream.of(PLATFORM) : Stream.of(values());
  }

  /** A thread for each task. */
  ExecutorService executor() {
    if (this == PLATFORM) {
      return Executors.newCachedThreadPool();
    }
    try {
      Method virtual = Executors.class.getMethod("newVirtualThreadPerTaskExecutor");
      return (ExecutorService) virtual.invoke(null);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.getMessage(), e);
    }
  }
}
