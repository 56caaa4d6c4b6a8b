package io.github.redistoolkit.micrometer;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.GroupState;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToDoubleFunction;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The state of a group, asked for at most once a second, so that all meters of a group take one
 * round trip and not each one. Does not keep the topic alive. Thread-safe.
 */
final class LatestState {

  private static final EventLog LOG = EventLog.of(StreamMetrics.class);
  private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final String group;
  private final ReentrantLock lock = new ReentrantLock();
  private long askedNanos;
  private boolean asked;
  private Optional<GroupState> state = Optional.empty();

  LatestState(String group) {
    this.group = group;
  }

  /** A figure of the state; NaN if there is no such group, or it cannot be told. */
  double of(DurableTopic<?> topic, ToDoubleFunction<GroupState> figure) {
    lock.lock();
    try {
      // A failure is remembered too, or each meter would wait for Redis in its turn.
      if (!asked || System.nanoTime() - askedNanos >= FRESH_NANOS) {
        state = ask(topic);
        asked = true;
        askedNanos = System.nanoTime();
      }
      return state.map(figure::applyAsDouble).orElse(Double.NaN);
    } finally {
      lock.unlock();
    }
  }

  private Optional<GroupState> ask(DurableTopic<?> topic) {
    try {
      return topic.state(group);
    } catch (JedisException e) {
      LOG.warn(e, "The state of group {} of topic {} is unknown", group, topic.name());
      return Optional.empty();
    } catch (IllegalStateException e) { // the topic is closed
      return Optional.empty();
    }
  }
}
