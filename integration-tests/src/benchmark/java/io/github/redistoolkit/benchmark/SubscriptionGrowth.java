package io.github.redistoolkit.benchmark;

import java.util.List;
import java.util.concurrent.Semaphore;

/** From before publish until the handler has the message, with so many channels subscribed to. */
final class SubscriptionGrowth extends Growth {

  SubscriptionGrowth() {
    super(
        "Pub/sub: publish → handler, by subscriptions",
        "subscriptions",
        "µs, median",
        List.of(1, 10, 100, 1_000, 10_000),
        PubSubTurns.ROWS);
  }

  @Override
  double measure(Through through, int size, Pace pace) {
    try (Access access = Access.by(through);
        Receiver receiver = Receiver.open(access)) {
      Semaphore handled = new Semaphore(0);
      for (int i = 0; i < size; i++) {
        receiver.subscribe(access.name() + "-" + i, event -> handled.release());
      }
      int[] next = new int[1];
      return Stopwatch.medianMicros(
          pace,
          () -> {
            int number = next[0]++;
            receiver.publish(
                access.name() + "-" + number % size,
                new Receiver.Event("user_created", "user-" + number, number));
            handled.acquireUninterruptibly();
          });
    }
  }
}
