package io.github.redistoolkit.soak;

import io.github.redistoolkit.cache.CacheInvalidationException;
import io.github.redistoolkit.cache.CacheTimeoutException;
import io.github.redistoolkit.idempotency.IdempotencyException;
import io.github.redistoolkit.lock.LockException;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import redis.clients.jedis.exceptions.JedisException;

/** Writes down what operations do and what becomes of their calls. Thread-safe. */
final class Recorder {

  /** What the toolkit throws if Redis does not do as it is asked. */
  private static final List<Class<? extends Exception>> DOCUMENTED =
      List.of(
          JedisException.class,
          LockException.class,
          IdempotencyException.class,
          CacheInvalidationException.class,
          CacheTimeoutException.class);

  /** Calls that took less are not worth their place. */
  private static final Duration SLOW = Duration.ofSeconds(2);

  private final History history = new History();
  private final Consumer<History> sink;
  private final LongAdder calls = new LongAdder();
  private final LongAdder failures = new LongAdder();

  /** Keeps what it is told. */
  Recorder() {
    this.sink = one -> {};
  }

  /** Keeps nothing, and sends each event on at once, so that it outlives a JVM that is killed. */
  Recorder(Consumer<History> sink) {
    this.sink = sink;
  }

  History history() {
    return history;
  }

  long calls() {
    return calls.sum();
  }

  long failures() {
    return failures.sum();
  }

  /** Adds an event; see {@link Event}. */
  void add(String kind, String subject, String value, long sentNanos, long receivedNanos) {
    History one = new History();
    one.add(kind, subject, value.replaceAll("[\t\r\n]", " "), sentNanos, receivedNanos);
    sink.accept(one);
    history.addLines(one.lines());
  }

  /** Calls something; empty if it failed in a way that is documented, or returned null. */
  <T> Optional<T> call(String what, Callable<T> callable) throws InterruptedException {
    long begin = System.nanoTime();
    calls.increment();
    try {
      return Optional.ofNullable(callable.call());
    } catch (InterruptedException e) {
      throw e;
    } catch (Throwable e) {
      failures.increment();
      if (DOCUMENTED.stream().noneMatch(type -> type.isInstance(e))) {
        add(NothingUnexpected.UNEXPECTED, what, describe(e), begin, System.nanoTime());
      }
      return Optional.empty();
    } finally {
      long end = System.nanoTime();
      if (end - begin > SLOW.toNanos()) {
        add(CallsEnd.CALL, what, "", begin, end);
      }
    }
  }

  private static String describe(Throwable thrown) {
    StringBuilder text = new StringBuilder(thrown.toString());
    for (StackTraceElement frame : thrown.getStackTrace()) {
      text.append(" at ").append(frame);
      if (text.length() > 3000) {
        break;
      }
    }
    return thrown.getCause() == null
        ? text.toString()
        : text + " caused by " + describe(thrown.getCause());
  }
}
