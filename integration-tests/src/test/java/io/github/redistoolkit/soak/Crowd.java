package io.github.redistoolkit.soak;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/** Threads that act until they are told to stop. For one thread at a time. */
final class Crowd {

  private final List<Thread> threads = new ArrayList<>();
  private final Recorder recorder;
  private volatile boolean stopped;

  Crowd(Recorder recorder) {
    this.recorder = recorder;
  }

  /** Something that is done again and again. */
  interface Deed {
    void act(SplittableRandom random) throws Exception;
  }

  /** Lets somebody act again and again, with a pause between of so many milliseconds at most. */
  void start(String name, long seed, int pauseMillis, Deed deed) {
    SplittableRandom random = new SplittableRandom(seed);
    Thread thread = new Thread(() -> repeat(name, random, pauseMillis, deed), "soak-" + name);
    threads.add(thread);
    thread.start();
  }

  private void repeat(String name, SplittableRandom random, int pauseMillis, Deed deed) {
    try {
      while (!stopped) {
        deed.act(random);
        if (pauseMillis > 0) {
          TimeUnit.MILLISECONDS.sleep(random.nextInt(pauseMillis) + 1);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // it is the end
    } catch (Throwable e) {
      long now = System.nanoTime();
      recorder.add(NothingUnexpected.UNEXPECTED, name, e.toString(), now, now);
      e.printStackTrace();
    }
  }

  /** Stops them after what they are doing, and tells of those who do not come back. */
  void stop(Duration patience) throws InterruptedException {
    stopped = true;
    long begin = System.nanoTime();
    for (Thread thread : threads) {
      long left = patience.toNanos() - (System.nanoTime() - begin);
      thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(left)));
      if (thread.isAlive()) {
        StringBuilder where = new StringBuilder("does not come back from");
        for (StackTraceElement frame : thread.getStackTrace()) {
          where.append(" at ").append(frame);
        }
        recorder.add(
            NothingUnexpected.UNEXPECTED,
            thread.getName(),
            where.toString(),
            begin,
            System.nanoTime());
        thread.interrupt();
      }
    }
  }

  /** Ends those that wait for nothing else. */
  void interrupt() {
    threads.forEach(Thread::interrupt);
  }
}
