package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.RedisAccess.Opened;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * One connection from its handshake to its death: what was asked on it and what is still to be
 * answered. One thread reads, one writes, any may {@link #die} it.
 */
final class Session {

  /** A command that was sent, for {@link #expected}. */
  record Request(Verb verb, @Nullable Topic topic) {
    static final Request PING = new Request(Verb.PING, null);
  }

  /** What a request asks for. */
  enum Verb {
    PING,
    SUBSCRIBE,
    /** The same, for what was subscribed to before this session began. */
    RESTORE,
    UNSUBSCRIBE
  }

  /** Whom the reader tells. */
  interface Events {
    void onMessage(Topic.Kind kind, String topic, String channel, byte[] payload);

    void onReply(Verb verb, Topic topic);

    void onError(Verb verb, Topic topic, JedisDataException error);
  }

  private static final Logger LOG = LoggerFactory.getLogger(Session.class);

  private static final byte[] PONG = ascii("pong");
  private static final byte[] PONG_WHEN_NOT_SUBSCRIBED = ascii("PONG");
  private static final byte[] MESSAGE = ascii("message");
  private static final byte[] PATTERN_MESSAGE = ascii("pmessage");

  /** How long a death waits for a writer to get out of harm's way. */
  static final long WAIT_FOR_WRITER_MILLIS = 100;

  private final Opened opened;
  private final Connection connection;
  private final Queue<Request> expected = new ConcurrentLinkedQueue<>();
  private final ReentrantLock writing = new ReentrantLock();
  private final AtomicReference<@Nullable Throwable> death = new AtomicReference<>();
  private volatile boolean pinging;
  private volatile long lastReadNanos = System.nanoTime();
  private volatile long lastCurrentNanos = lastReadNanos;

  Session(Opened opened) {
    this.opened = opened;
    this.connection = opened.connection();
  }

  Opened opened() {
    return opened;
  }

  boolean isAlive() {
    return death.get() == null;
  }

  /** Until when messages are known to have come: the peer was there, and the right one. */
  long goodUntilNanos() {
    return Math.min(lastReadNanos - lastCurrentNanos, 0) + lastCurrentNanos;
  }

  /** Notes that the peer is still the one to be subscribed at. */
  void markCurrent() {
    lastCurrentNanos = System.nanoTime();
  }

  /** Whether a PING is still to be answered. */
  boolean isPinging() {
    return pinging;
  }

  /**
   * Ends this session, for the first cause given. Never waits for the peer.
   *
   * <p>A {@link Connection} that is found closed by {@code sendCommand} opens another socket,
   * without credentials, database and name. So the session is marked dead first, and the socket is
   * closed while nobody is between looking at that mark and writing; unless the writer is stuck in
   * a write, which only closing can end.
   */
  void die(Throwable cause) {
    death.compareAndSet(null, cause);
    boolean locked = false;
    try {
      locked = writing.tryLock(WAIT_FOR_WRITER_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    try {
      disconnect();
    } finally {
      if (locked) {
        writing.unlock();
      }
    }
  }

  private void disconnect() {
    try {
      connection.forceDisconnect();
    } catch (IOException e) {
      LOG.debug("Failed to close {}", connection, e);
    }
  }

  /** Sends the requests and waits for no reply. Dies if that fails. */
  void send(List<Request> requests) {
    try {
      for (Request request : requests) {
        write(request);
      }
      flush();
    } catch (RuntimeException | Error e) {
      die(e);
    }
  }

  private void write(Request request) {
    writing.lock();
    try {
      if (!isAlive()) {
        return;
      }
      if (request.verb() == Verb.PING) {
        pinging = true;
      }
      expected.add(request);
      Topic topic = request.topic();
      if (topic == null) {
        connection.sendCommand(Command.PING);
      } else if (request.verb() == Verb.UNSUBSCRIBE) {
        connection.sendCommand(topic.kind.unsubscribe, topic.rawName);
      } else {
        connection.sendCommand(topic.kind.subscribe, topic.rawName);
      }
      disconnectIfDead();
    } finally {
      writing.unlock();
    }
  }

  private void flush() {
    writing.lock();
    try {
      if (isAlive()) {
        connection.getMany(0);
        disconnectIfDead();
      }
    } finally {
      writing.unlock();
    }
  }

  /** What died while it was written to may have been given a new socket. */
  private void disconnectIfDead() {
    if (!isAlive()) {
      disconnect();
    }
  }

  /**
   * Reads until this session is dead.
   *
   * @return the cause of death
   */
  Throwable readUntilDead(Events events) {
    try {
      while (isAlive()) {
        read(events);
      }
    } catch (Throwable t) { // an Error too: there is no other way on than a new connection
      die(t);
    }
    // Once more on this thread, which sees whatever socket it last read from.
    Throwable cause = death.get();
    return cause != null ? cause : new IllegalStateException("not dead");
  }

  private void read(Events events) {
    Object frame;
    try {
      frame = connection.getUnflushedObject();
    } catch (JedisDataException e) {
      if (isAlive()) {
        lastReadNanos = System.nanoTime();
        onError(events, e);
      }
      return;
    }
    if (!isAlive()) {
      return;
    }
    lastReadNanos = System.nanoTime();
    if (frame instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof byte[] type) {
      onFrame(events, type, list);
    } else if (frame instanceof byte[] reply && Arrays.equals(reply, PONG_WHEN_NOT_SUBSCRIBED)) {
      onPong();
    } else {
      throw unexpected("frame");
    }
  }

  private void onFrame(Events events, byte[] type, List<?> frame) {
    if (Arrays.equals(type, MESSAGE)) {
      String channel = text(frame.get(1));
      events.onMessage(Topic.Kind.CHANNEL, channel, channel, bytes(frame.get(2)));
    } else if (Arrays.equals(type, PATTERN_MESSAGE)) {
      events.onMessage(
          Topic.Kind.PATTERN, text(frame.get(1)), text(frame.get(2)), bytes(frame.get(3)));
    } else if (Arrays.equals(type, PONG)) {
      onPong();
    } else {
      onSubscriptionReply(events, type, frame);
    }
  }

  private void onPong() {
    Request request = expected.poll();
    if (request == null || request.verb() != Verb.PING) {
      throw unexpected("PONG");
    }
    pinging = false;
  }

  private void onSubscriptionReply(Events events, byte[] type, List<?> frame) {
    Request request = expected.poll();
    Topic topic = request == null ? null : request.topic();
    if (request == null || topic == null || !topic.isNamed(frame.get(1))) {
      throw unexpected(text(type));
    }
    Command command =
        request.verb() == Verb.UNSUBSCRIBE ? topic.kind.unsubscribe : topic.kind.subscribe;
    if (!text(type).equalsIgnoreCase(command.name())) {
      throw unexpected(text(type));
    }
    events.onReply(request.verb(), topic);
  }

  private void onError(Events events, JedisDataException error) {
    Request request = expected.poll();
    if (request == null) {
      throw new JedisConnectionException("An error that answers nothing", error);
    }
    Topic topic = request.topic();
    if (topic == null) {
      // Whatever it says about the PING, such as that a data set is being loaded: the peer is
      // there.
      pinging = false;
    } else {
      events.onError(request.verb(), topic, error);
    }
  }

  /** A stream that is out of step cannot be told from one that lies; a new connection can. */
  private static JedisConnectionException unexpected(String what) {
    return new JedisConnectionException("Unexpected " + what + " on a subscriber's connection");
  }

  private static String text(@Nullable Object raw) {
    return new String(bytes(raw), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(@Nullable Object raw) {
    if (raw instanceof byte[] bytes) {
      return bytes;
    }
    throw unexpected("element");
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
