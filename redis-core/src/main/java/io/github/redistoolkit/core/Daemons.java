package io.github.redistoolkit.core;

import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/** Makes the threads that work behind the caller's back. */
public final class Daemons implements ThreadFactory {

  private final String prefix;
  private final AtomicInteger made = new AtomicInteger();

  private Daemons(String prefix) {
    this.prefix = prefix;
  }

  /**
   * Returns what makes threads that are called by a prefix and a number.
   *
   * @param prefix what their names begin with
   * @return a new one, which counts from 1
   */
  public static ThreadFactory named(String prefix) {
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
