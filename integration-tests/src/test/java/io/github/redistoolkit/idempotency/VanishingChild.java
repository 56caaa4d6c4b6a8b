package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;

/** Claims a key, says so, and never ends the work. */
final class VanishingChild {

  private VanishingChild() {}

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    try (TestRedis redis = child.redis()) {
      Services.builder(redis)
          .lease(Duration.ofMillis(Long.parseLong(args[3])))
          .build()
          .execute(
              args[2],
              String.class,
              own -> {
                child.send("working");
                return uninterruptibly(child);
              });
      child.send("completed");
    } catch (IdempotencyException e) {
      child.send(e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  private static String uninterruptibly(Child child) {
    try {
      return child.receive();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
