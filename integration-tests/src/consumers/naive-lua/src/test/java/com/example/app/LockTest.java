package com.example.app;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.RedisTest;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import org.junit.jupiter.api.Test;

@RedisTest
class LockTest {

  private static final String NAME = "invoice:7";
  private static final long MINUTE = Duration.ofMinutes(1).toMillis();

  /** A JVM that holds the lock until it is told to release it. */
  static final class Holder {

    private Holder() {}

    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      try (TestRedis redis = child.redis()) {
        Lock lock = new Lock(redis.client(), NAME, "the JVM that was paused");
        child.send(lock.tryAcquire(500) ? "holds it" : "has it not");
        child.receive();
        lock.release();
        child.send("has released it");
      }
    }
  }

  @Test
  void aHolderWhoWasPausedBeyondItsLeaseReleasesNobodyElsesLock(TestRedis redis)
      throws InterruptedException {
    Lock next = new Lock(redis.client(), NAME, "the next holder");
    Lock third = new Lock(redis.client(), NAME, "somebody else");
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Holder.class)) {
      ChildJvm holder = jvms.get(0);
      assertTrue(holder.receive().equals("holds it"));
      holder.pause(); // as by its garbage collector
      while (!next.tryAcquire(MINUTE)) {
        Thread.onSpinWait();
      }
      holder.resume();
      holder.send("release");
      assertTrue(holder.receive().equals("has released it"));
    }
    assertFalse(third.tryAcquire(MINUTE), "two hold the lock at a time");
  }
}
