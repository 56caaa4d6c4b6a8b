package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.pubsub.Session.Request;
import io.github.redistoolkit.pubsub.Session.Verb;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What is subscribed to, and the one session on which Redis is held to it.
 *
 * <p>Two daemon threads, started with the first subscription: {@link Reader} connects and reads,
 * {@link Writer} sends and keeps time. All state that they share with callers is guarded by one
 * lock, which is never held during I/O or while code of others runs. Thread-safe.
 */
final class Subscriber implements Session.Events {

  private static final Logger LOG = LoggerFactory.getLogger(Subscriber.class);

  /** Time for the threads to end, where they can: no handshake can be cut short. */
  private static final long CLOSE_WAIT_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final Settings settings;
  private final Reports reports;
  private final Thread reader;
  private final Thread writer;
  private final Runnable onClosed;

  private final ReentrantLock lock = new ReentrantLock();

  /** Signalled when there is something to connect for or to send, and at the end. */
  private final Condition changed = lock.newCondition();

  // By name; looked at by the reader without the lock, for every message.
  private final Map<String, Topic> channels = new ConcurrentHashMap<>();
  private final Map<String, Topic> patterns = new ConcurrentHashMap<>();

  private final List<Request> outgoing = new ArrayList<>();
  private @Nullable Session session;
  private int unrestored;
  private boolean established;
  private @Nullable Long outageStartNanos;
  private @Nullable Throwable lastFailure;
  private boolean started;
  private volatile boolean closed;

  Subscriber(RedisAccess redis, Settings settings, Runnable onClosed) {
    this.settings = settings;
    this.onClosed = onClosed;
    this.reports = new Reports(settings.listener(), settings.executor());
    this.reader = Threads.daemon("reader", new Reader(redis, this, settings.longestSilence()));
    this.writer = Threads.daemon("writer", new Writer(redis, this, settings.heartbeat()));
  }

  Reports reports() {
    return reports;
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("This RedisPubSub is closed");
    }
  }

  boolean isConnected() {
    lock.lock();
    try {
      return established && session != null && session.isAlive();
    } finally {
      lock.unlock();
    }
  }

  // Asked for by callers.

  /** Registers a handler and waits until Redis has confirmed, or throws and has nothing left. */
  void subscribe(Delivery<?> delivery) {
    Thread caller = Thread.currentThread();
    if (caller == reader || caller == writer) {
      throw new IllegalStateException(
          "Cannot wait for a confirmation on the thread that reads it: subscribing in a handler or"
              + " listener takes an executor with threads of its own");
    }
    lock.lock();
    try {
      requireOpen();
      add(delivery);
    } finally {
      lock.unlock();
    }
    awaitConfirmation(delivery);
  }

  private void add(Delivery<?> delivery) {
    if (!started) {
      reader.start();
      writer.start();
      started = true;
    }
    Topic topic =
        topicsOf(delivery.kind)
            .computeIfAbsent(delivery.topic(), name -> new Topic(delivery.kind, name));
    topic.add(delivery);
    if (session == null) {
      changed.signalAll();
    } else if (topic.status == Topic.Status.CONFIRMED && session.isAlive()) {
      delivery.confirmation.complete(null);
    } else if (topic.status == Topic.Status.UNSENT || topic.status == Topic.Status.REFUSED) {
      ask(Verb.SUBSCRIBE, topic);
    }
  }

  private void ask(Verb verb, Topic topic) {
    topic.status = Topic.Status.SENT;
    outgoing.add(new Request(verb, topic));
    changed.signalAll();
  }

  private void awaitConfirmation(Delivery<?> delivery) {
    Duration timeout = settings.subscribeTimeout();
    try {
      delivery.confirmation.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw asThrown(e);
    } catch (TimeoutException e) {
      withdraw(delivery);
      throw new JedisConnectionException(
          "Redis did not confirm the subscription to " + delivery.topic() + " within " + timeout,
          lastFailure());
    } catch (InterruptedException e) {
      withdraw(delivery);
      Thread.currentThread().interrupt();
      throw new JedisException("Interrupted while subscribing to " + delivery.topic(), e);
    }
  }

  private void withdraw(Delivery<?> delivery) {
    delivery.end();
    remove(delivery);
  }

  private static RuntimeException asThrown(ExecutionException e) {
    return e.getCause() instanceof RuntimeException cause ? cause : new JedisException(e);
  }

  private @Nullable Throwable lastFailure() {
    lock.lock();
    try {
      return lastFailure;
    } finally {
      lock.unlock();
    }
  }

  /** Forgets a handler; tells Redis if it was the last one of its topic. */
  void remove(Delivery<?> delivery) {
    lock.lock();
    try {
      Map<String, Topic> sameKind = topicsOf(delivery.kind);
      Topic topic = sameKind.get(delivery.topic());
      if (topic == null || !topic.remove(delivery) || !topic.handlers().isEmpty()) {
        return;
      }
      sameKind.remove(topic.name);
      if (topic.status == Topic.Status.SENT || topic.status == Topic.Status.CONFIRMED) {
        outgoing.add(new Request(Verb.UNSUBSCRIBE, topic));
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Ends everything; waits, within bounds, for the threads unless it is called on one of them. */
  void close() {
    Session last;
    List<Delivery<?>> deliveries;
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      last = session;
      deliveries = deliveries();
      channels.clear();
      patterns.clear();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    IllegalStateException why = new IllegalStateException("This RedisPubSub was closed");
    for (Delivery<?> delivery : deliveries) {
      delivery.end();
      delivery.confirmation.completeExceptionally(why);
    }
    if (last != null) {
      last.die(why);
    }
    onClosed.run();
    Threads.awaitEnd(List.of(reader, writer), CLOSE_WAIT_NANOS);
  }

  private List<Delivery<?>> deliveries() {
    return topics().<Delivery<?>>flatMap(topic -> topic.handlers().stream()).toList();
  }

  private Stream<Topic> topics() {
    return Stream.concat(channels.values().stream(), patterns.values().stream());
  }

  private Map<String, Topic> topicsOf(Topic.Kind kind) {
    return switch (kind) {
      case CHANNEL -> channels;
      case PATTERN -> patterns;
    };
  }

  // Asked for by the reader.

  /**
   * Waits for a time, then until there is something to connect for.
   *
   * @return false if closed
   */
  boolean awaitWanted(Duration delay) {
    lock.lock();
    try {
      awaitChange(() -> false, System.nanoTime() + delay.toNanos());
      while (!closed && channels.isEmpty() && patterns.isEmpty()) {
        changed.awaitUninterruptibly();
      }
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the condition holds, the time is reached, or this is closed. */
  private void awaitChange(BooleanSupplier condition, long deadlineNanos) {
    long left = deadlineNanos - System.nanoTime();
    while (!closed && left > 0 && !condition.getAsBoolean()) {
      try {
        left = changed.awaitNanos(left);
      } catch (InterruptedException e) {
        // Only a handler on a same-thread executor can have left this behind.
        LOG.debug("Interrupted", e);
        left = deadlineNanos - System.nanoTime();
      }
    }
  }

  void failedToConnect(Throwable failure) {
    lock.lock();
    try {
      lastFailure = failure;
    } finally {
      lock.unlock();
    }
  }

  /** Takes a new session into use and has all topics subscribed on it; ends it if closed. */
  void begin(Session begun) {
    lock.lock();
    try {
      if (!closed) {
        session = begun;
        topics().forEach(topic -> ask(Verb.RESTORE, topic));
        unrestored = outgoing.size();
        establishIfRestored();
      }
    } finally {
      lock.unlock();
    }
    if (closed) { // meanwhile perhaps, when close() has seen this session or not
      begun.die(new IllegalStateException("This RedisPubSub was closed"));
    }
    reports.wake();
  }

  private void establishIfRestored() {
    if (unrestored > 0 || established) {
      return;
    }
    established = true;
    lastFailure = null;
    if (outageStartNanos != null) {
      reports.reconnected(Duration.ofNanos(System.nanoTime() - outageStartNanos));
      outageStartNanos = null;
    }
  }

  /**
   * Takes a dead session out of use.
   *
   * @return whether all topics had been confirmed on it
   */
  boolean end(Session ended, Throwable cause) {
    boolean wasEstablished;
    lock.lock();
    try {
      wasEstablished = established;
      session = null;
      established = false;
      lastFailure = cause;
      outgoing.clear();
      topics().forEach(topic -> topic.status = Topic.Status.UNSENT);
      if (wasEstablished && !closed) {
        outageStartNanos = ended.goodUntilNanos();
        reports.disconnected(cause);
      }
    } finally {
      lock.unlock();
    }
    reports.wake();
    return wasEstablished;
  }

  @Override
  public void onMessage(Topic.Kind kind, String name, String channel, byte[] payload) {
    Topic topic = topicsOf(kind).get(name);
    if (topic != null) { // else its UNSUBSCRIBE is on the way
      // The same name for all that are queued, where it is known beforehand.
      String from = kind == Topic.Kind.CHANNEL ? topic.name : channel;
      for (Delivery<?> delivery : topic.handlers()) {
        delivery.offer(from, payload);
      }
    }
  }

  @Override
  public void onReply(Verb verb, Topic topic) {
    if (verb == Verb.UNSUBSCRIBE) {
      return;
    }
    lock.lock();
    try {
      topic.status = Topic.Status.CONFIRMED;
      topic.refusalReported = false;
      topic.handlers().forEach(delivery -> delivery.confirmation.complete(null));
      answered(verb);
    } finally {
      lock.unlock();
    }
    reports.wake();
  }

  @Override
  public void onError(Verb verb, Topic topic, JedisDataException error) {
    if (verb == Verb.UNSUBSCRIBE) {
      LOG.warn("Redis refuses to end the subscription to {}", topic.name, error);
      return;
    }
    lock.lock();
    try {
      failUnconfirmed(topic, error);
      if (topic.handlers().isEmpty()) {
        topicsOf(topic.kind).remove(topic.name, topic);
      } else if (isRefusalOfTopic(error)) {
        refused(topic, error);
      } else {
        throw error; // ends the session: there is something about the server that may pass
      }
      answered(verb);
    } finally {
      lock.unlock();
    }
    reports.wake();
  }

  private void answered(Verb verb) {
    if (verb == Verb.RESTORE) {
      unrestored--;
      establishIfRestored();
    }
  }

  private static void failUnconfirmed(Topic topic, JedisDataException error) {
    for (Delivery<?> delivery : topic.handlers()) {
      if (delivery.confirmation.completeExceptionally(error)) {
        topic.remove(delivery);
        delivery.end();
      }
    }
  }

  private static boolean isRefusalOfTopic(JedisDataException error) {
    return error instanceof JedisAccessControlException
        && String.valueOf(error.getMessage()).startsWith("NOPERM");
  }

  private void refused(Topic topic, JedisDataException error) {
    topic.status = Topic.Status.REFUSED;
    if (!topic.refusalReported) {
      topic.refusalReported = true;
      topic.handlers().forEach(delivery -> reports.refused(delivery, error));
    }
  }

  // Asked for by the writer.

  /**
   * Waits until there is something to send, or for the given time.
   *
   * @return false if closed
   */
  boolean awaitOutgoing(long deadlineNanos) {
    lock.lock();
    try {
      awaitChange(() -> !outgoing.isEmpty(), deadlineNanos);
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /** Sends what is to be sent. The one method here that may block, on the writer's thread only. */
  void sendOutgoing() {
    Session to;
    List<Request> requests;
    lock.lock();
    try {
      to = session;
      requests = List.copyOf(outgoing);
      outgoing.clear();
    } finally {
      lock.unlock();
    }
    if (to != null && !requests.isEmpty()) {
      to.send(requests);
    }
  }

  /** Has the peer asked whether it is there, and whether it still refuses what it refused. */
  void beat() {
    lock.lock();
    try {
      if (session == null) {
        return;
      }
      if (!session.isPinging()) {
        outgoing.add(Request.PING);
      }
      topics()
          .filter(topic -> topic.status == Topic.Status.REFUSED)
          .forEach(topic -> ask(Verb.SUBSCRIBE, topic));
    } finally {
      lock.unlock();
    }
  }

  /** The session of the moment, for a look at its peer. */
  @Nullable Session session() {
    lock.lock();
    try {
      return session;
    } finally {
      lock.unlock();
    }
  }

  /** Once a second: reports drops, and goes on with what the executor refused before. */
  void tick() {
    deliveries().forEach(Delivery::tick);
    reports.wake();
  }
}
