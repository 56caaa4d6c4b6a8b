package io.github.redistoolkit.examples;

import io.github.redistoolkit.idempotency.IdempotencyService;
import java.io.PrintStream;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** A payment is sent five times at once, as by an impatient customer, and charged once. */
public final class IdempotencyExample {

  /** What each of the five is answered. */
  record Receipt(int number, int cents) {}

  private IdempotencyExample() {}

  /** Runs it on a Redis of the test bed. */
  public static void main(String[] args) throws Exception {
    try (Bed bed = Bed.open()) {
      run(bed.pool(), bed.prefix(), System.out);
    }
  }

  static void run(Pool<Jedis> pool, String prefix, PrintStream out) throws Exception {
    AtomicInteger charges = new AtomicInteger();
    IdempotencyService payments =
        IdempotencyService.builder(pool, "payments")
            .prefix(prefix)
            .ttl(Duration.ofHours(24))
            .maxWait(Duration.ofSeconds(10)) // for the one that is at work; by default none
            .build();

    List<Receipt> receipts =
        Callers.atOnce(
            5,
            () ->
                payments.execute(
                    "shop-1:order-7",
                    Receipt.class,
                    claim -> new Receipt(charges.incrementAndGet(), 1999)));
    out.println("5 requests, charges: " + charges);
    out.println("different receipts: " + new HashSet<>(receipts).size());
  }
}
