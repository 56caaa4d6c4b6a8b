package io.github.redistoolkit.examples;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import java.io.PrintStream;
import java.time.Duration;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** Four workers change a stock that two at a time would spoil, and each write has a token. */
public final class LockExample {

  private static final int WORKERS = 4;
  private static final int EACH = 25;

  /** A table with a row: what is left, and the token of who wrote it last. */
  private static final class Stock {
    private volatile int left = WORKERS * EACH;
    private volatile long token;

    /** Refuses who has lost the lock without knowing it. */
    void write(int newLeft, long writer) {
      if (writer <= token) {
        throw new IllegalStateException("overtaken by a later holder");
      }
      token = writer;
      left = newLeft;
    }
  }

  private LockExample() {}

  /** Runs it on a Redis of the test bed. */
  public static void main(String[] args) throws Exception {
    try (Bed bed = Bed.open()) {
      run(bed.pool(), bed.prefix(), System.out);
    }
  }

  static void run(Pool<Jedis> pool, String prefix, PrintStream out) throws Exception {
    Stock stock = new Stock();
    RedisLock lock = new RedisLock(pool, prefix + "stock", Duration.ofSeconds(30));
    Callers.atOnce(WORKERS, () -> sell(lock, stock));
    out.println(WORKERS * EACH + " sold by " + WORKERS + " workers, left: " + stock.left);
  }

  private static boolean sell(RedisLock lock, Stock stock) throws InterruptedException {
    for (int i = 0; i < EACH; i++) {
      try (Lease lease = lock.acquire(Duration.ofSeconds(10))) {
        stock.write(stock.left - 1, lease.token());
      }
    }
    return true;
  }
}
