package io.github.redistoolkit.examples;

import io.github.redistoolkit.coalescing.Coalescing;
import java.io.PrintStream;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** Sixty-four threads count through two connections, and none waits for another's turn. */
public final class CoalescingExample {

  private static final int THREADS = 64;
  private static final int EACH = 100;

  private CoalescingExample() {}

  /** Runs it on a Redis of the test bed. */
  public static void main(String[] args) throws Exception {
    try (Bed bed = Bed.open()) {
      run(bed.pool(), bed.prefix(), System.out);
    }
  }

  static void run(Pool<Jedis> pool, String prefix, PrintStream out) throws Exception {
    UnifiedJedis shared = Coalescing.over(pool, 2);
    String counter = prefix + "counter";
    Callers.atOnce(
        THREADS,
        () -> {
          long reached = 0;
          for (int i = 0; i < EACH; i++) {
            reached = shared.incr(counter);
          }
          return reached;
        });
    out.println(THREADS + " threads counted to " + shared.get(counter));
  }
}
