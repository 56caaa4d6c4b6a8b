package io.github.redistoolkit.examples;

import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import java.io.PrintStream;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** What is published while a group is away waits for it, and what fails comes again. */
public final class StreamExample {

  /** What is published as JSON. */
  record Order(String number, int cents) {}

  private StreamExample() {}

  /** Runs it on a Redis of the test bed. */
  public static void main(String[] args) throws InterruptedException {
    try (Bed bed = Bed.open()) {
      run(bed.pool(), bed.prefix(), System.out);
    }
  }

  static void run(Pool<Jedis> pool, String prefix, PrintStream out) throws InterruptedException {
    BlockingQueue<String> billed = new LinkedBlockingQueue<>();
    BlockingQueue<String> shipped = new LinkedBlockingQueue<>();
    try (DurableTopic<Order> orders =
        DurableTopic.builder(pool, "orders", Order.class)
            .prefix(prefix + "topic:")
            .retryDelay(Duration.ofMillis(10)) // by default a second
            .listener(new DurableListener() {}) // by default the log is told of the failure
            .build()) {
      orders.subscribe(
          "shipping",
          From.now(),
          message -> shipped.add(message.body() + " in delivery " + message.delivery()));
      orders.subscribe("billing", From.now(), message -> {}).close(); // and is away

      orders.publish(new Order("7", 1999));
      out.println("shipped " + shipped.poll(10, TimeUnit.SECONDS));
      out.println("waiting for billing: " + orders.state("billing").orElseThrow().lag());

      orders.subscribe(
          "billing",
          From.now(), // without effect: the group goes on where it was
          message -> {
            if (message.delivery() == 1) {
              throw new IllegalStateException("the bank does not answer");
            }
            billed.add(message.body() + " in delivery " + message.delivery());
          });
      out.println("billed " + billed.poll(10, TimeUnit.SECONDS));
    }
  }
}
