package io.github.redistoolkit.core;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/** Makes the threads that work behind the caller's back. */
final class Daemons implements ThreadFactory {

  private final String prefix;
  private final AtomicInteger made = new AtomicInteger();

  private Daemons(String prefix) {
    this.prefix = prefix;
  }

  /** Threads that are called by a prefix and a number. */
  static ThreadFactory named(String prefix) {
    return new Daemons(prefix);
  }

  @Override
  public Thread newThread(Runnable task) {
    String name = prefix + made.incrementAndGet();
    Thread thread = new Thread(null, task, name, 0, /* inheritThreadLocals= */ false);
    thread.setDaemon(true);
    // Not that of whoever came first, which may be an application that is to be unloaded.
    thread.setContextClassLoader(Daemons.class.getClassLoader());
    return thread;
  }
}
