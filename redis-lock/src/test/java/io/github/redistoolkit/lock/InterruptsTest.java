package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

class InterruptsTest {

  private final AtomicInteger calls = new AtomicInteger();

  @Test
  void theCallDoesNotSeeTheFlagWhichIsKept() {
    Thread.currentThread().interrupt();
    boolean seen = Interrupts.complete(() -> Thread.currentThread().isInterrupted());
    assertThat(seen, is(false));
    assertThat(Thread.interrupted(), is(true));
  }

  @Test
  void aCallThatAnInterruptFailedIsMadeAgain() {
    int answer =
        Interrupts.complete(
            () -> {
              if (calls.incrementAndGet() == 1) {
                // As RedisClient's pool does: the flag is gone.
                throw new JedisException("no connection", new InterruptedException());
              }
              if (calls.get() == 2) {
                // As a socket does under a virtual thread.
                Thread.currentThread().interrupt();
                throw new JedisConnectionException("closed by interrupt");
              }
              return calls.get();
            });
    assertThat(answer, is(3));
    assertThat(Thread.interrupted(), is(true));
  }

  @Test
  void anyOtherFailureIsThrown() {
    Thread.currentThread().interrupt();
    assertThrows(
        JedisConnectionException.class,
        () ->
            Interrupts.complete(
                () -> {
                  throw new JedisConnectionException("call " + calls.incrementAndGet());
                }));
    assertThat(calls.get(), is(1));
    assertThat(Thread.interrupted(), is(true));
  }
}
