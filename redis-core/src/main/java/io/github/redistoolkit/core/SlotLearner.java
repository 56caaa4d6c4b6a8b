package io.github.redistoolkit.core;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Has it asked in the background who has which slots of a Cluster, once at a time. Nothing is asked
 * for a client that is closed: Jedis would make pools for it that nobody closes. Nothing is thrown,
 * neither to the thread that asks nor to the one that has it asked. Thread-safe.
 */
final class SlotLearner {

  private final Executor background;
  private final BooleanSupplier closed;
  private final Runnable learn;
  private final EventLog log;
  private final AtomicBoolean learning = new AtomicBoolean();

  /**
   * Makes one. Nothing is asked.
   *
   * @param background what has a thread ask
   * @param closed whether the client is closed
   * @param learn asks
   * @param log where it is said that asking failed
   */
  SlotLearner(Executor background, BooleanSupplier closed, Runnable learn, EventLog log) {
    this.background = background;
    this.closed = closed;
    this.learn = learn;
    this.log = log;
  }

  /** Has it asked soon, unless that is under way. */
  void learnSoon() {
    if (closed.getAsBoolean() || !learning.compareAndSet(false, true)) {
      return;
    }
    try {
      background.execute(this::learn);
    } catch (Throwable e) { // an Error where no thread can be had
      learning.set(false);
      log.warn(e, "No thread to ask who has which slots; the next batch that fails has it tried");
    }
  }

  private void learn() {
    try {
      if (!closed.getAsBoolean()) {
        learn.run();
      }
    } catch (JedisException e) {
      log.debug(e, "No node says who has which slots"); // as whoever ran the batch was told
    } catch (Throwable e) {
      log.warn(e, "Asking who has which slots failed");
    } finally {
      learning.set(false);
    }
  }
}
