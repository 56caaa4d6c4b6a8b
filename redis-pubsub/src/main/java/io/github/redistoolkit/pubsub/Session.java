package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.core.Ticker;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
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

  /** Who is told, on the thread that reads unless it is said otherwise. */
  interface Events {
    void onMessage(Session at, Topic.Kind kind, String topic, String channel, byte[] payload);

    void onReply(Verb verb, Topic topic);

    void onError(Verb verb, Topic topic, JedisDataException error);

    /** Redis has ended a subscription by itself, since its slot is at another node now. */
    void onEnd(Topic.Kind kind, String topic);

    /** A PING was answered that was sent at this time. */
    void onPong(long sentNanos);

    /** On whatever thread. */
    void onDeath();
  }

  /** A request and when it was sent. */
  private record Sent(Request request, long nanos) {}

  private static final byte[] PONG = ascii("pong");
  private static final byte[] PONG_WHEN_NOT_SUBSCRIBED = ascii("PONG");
  private static final byte[] MESSAGE = ascii("message");
  private static final byte[] PATTERN_MESSAGE = ascii("pmessage");
  private static final byte[] SHARDED_MESSAGE = ascii("smessage");
  private static final byte[] SHARDED_END = ascii("sunsubscribe");

  /** How soon a PING follows one that is not answered, which tells if the connection was cut. */
  private static final long PING_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** How long a death waits for a writer to get out of harm's way. */
  private static final Duration WAIT_FOR_WRITER = Duration.ofMillis(100);

  private final Opened opened;
  private final Connection connection;
  private final Events events;
  private final Ticker ticker;
  private final Duration waitForWriter;

  /** {@link #isAlive}, made once. */
  final BooleanSupplier alive = this::isAlive;

  private final Queue<Sent> expected = new ConcurrentLinkedQueue<>();
  private final ReentrantLock writing = new ReentrantLock();
  private final AtomicReference<@Nullable Throwable> death = new AtomicReference<>();
  private final AtomicInteger pings = new AtomicInteger();
  private volatile long lastPingNanos;
  private volatile long answeredNanos;
  private volatile long lastCurrentNanos;

  Session(Opened opened, Events events, Ticker ticker) {
    this(opened, events, ticker, WAIT_FOR_WRITER);
  }

  Session(Opened opened, Events events, Ticker ticker, Duration waitForWriter) {
    this.waitForWriter = waitForWriter;
    this.opened = opened;
    this.connection = opened.connection();
    this.events = events;
    this.ticker = ticker;
    this.answeredNanos = ticker.nanoTime();
    this.lastCurrentNanos = answeredNanos;
  }

  Opened opened() {
    return opened;
  }

  boolean isAlive() {
    return death.get() == null;
  }

  /**
   * Until when everything is known to have come: when the last request was sent that was answered,
   * since what Redis sent before its answer came before it. What was read last says nothing: it may
   * have waited here, and what followed have been thrown away, while this JVM stood still.
   */
  long goodUntilNanos() {
    return Math.min(answeredNanos - lastCurrentNanos, 0) + lastCurrentNanos;
  }

  /** Notes that the peer is still the one to be subscribed at. */
  void markCurrent() {
    lastCurrentNanos = ticker.nanoTime();
  }

  /**
   * Whether a PING is due: none is to be answered, or the last one for so long that it may be the
   * reader that stands still, so that only writing shows whether there still is a connection.
   */
  boolean wantsPing() {
    return pings.get() == 0 || ticker.nanoTime() - lastPingNanos >= PING_AGAIN_NANOS;
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
    boolean first = death.compareAndSet(null, cause);
    try {
      disconnectBetweenWrites();
    } finally {
      if (first) {
        events.onDeath();
      }
    }
  }

  /** Ends this session, whose place another has taken; nobody is told. */
  void leave() {
    boolean unused =
        death.compareAndSet(null, new IllegalStateException("Another connection took over"));
    disconnectBetweenWrites();
  }

  private void disconnectBetweenWrites() {
    boolean locked = false;
    try {
      locked = writing.tryLock(waitForWriter.toMillis(), TimeUnit.MILLISECONDS);
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
      // It is of no use any more, and nobody could do anything about it.
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
      long now = ticker.nanoTime();
      if (request.verb() == Verb.PING) {
        lastPingNanos = now;
        pings.incrementAndGet();
      }
      expected.add(new Sent(request, now));
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
  Throwable readUntilDead() {
    Throwable cause = readUntil(() -> false);
    return cause != null ? cause : new IllegalStateException("not dead");
  }

  /**
   * Reads until something is true, which is looked at before each frame, or this session is dead.
   *
   * @return the cause of death, or null if it is alive
   */
  @Nullable Throwable readUntil(BooleanSupplier enough) {
    try {
      while (isAlive() && !enough.getAsBoolean()) {
        read();
      }
    } catch (Throwable t) { // an Error too: there is no other way on than a new connection
      die(t);
    }
    return death.get();
  }

  private void read() {
    Object frame;
    try {
      frame = connection.getUnflushedObject();
    } catch (JedisDataException e) {
      if (isAlive()) {
        onError(e);
      }
      return;
    }
    if (!isAlive()) {
      return;
    }
    if (frame instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof byte[] type) {
      onFrame(type, list);
    } else if (frame instanceof byte[] reply && Arrays.equals(reply, PONG_WHEN_NOT_SUBSCRIBED)) {
      onPong();
    } else {
      throw unexpected("frame");
    }
  }

  private void onFrame(byte[] type, List<?> frame) {
    if (Arrays.equals(type, MESSAGE)) {
      String channel = text(frame.get(1));
      events.onMessage(this, Topic.Kind.CHANNEL, channel, channel, bytes(frame.get(2)));
    } else if (Arrays.equals(type, PATTERN_MESSAGE)) {
      events.onMessage(
          this, Topic.Kind.PATTERN, text(frame.get(1)), text(frame.get(2)), bytes(frame.get(3)));
    } else if (Arrays.equals(type, SHARDED_MESSAGE)) {
      String channel = text(frame.get(1));
      events.onMessage(this, Topic.Kind.SHARDED, channel, channel, bytes(frame.get(2)));
    } else if (Arrays.equals(type, PONG)) {
      onPong();
    } else {
      onSubscriptionReply(type, frame);
    }
  }

  /** Takes the request that is answered next. */
  private @Nullable Request answered() {
    Sent sent = expected.poll();
    if (sent == null) {
      return null;
    }
    answeredNanos = sent.nanos();
    if (sent.request().verb() == Verb.PING) {
      pings.decrementAndGet();
    }
    return sent.request();
  }

  private void onPong() {
    Request request = answered();
    if (request == null || request.verb() != Verb.PING) {
      throw unexpected("PONG");
    }
    events.onPong(answeredNanos);
  }

  private void onSubscriptionReply(byte[] type, List<?> frame) {
    if (Arrays.equals(type, SHARDED_END) && !isNextFor(frame.get(1))) {
      events.onEnd(Topic.Kind.SHARDED, text(frame.get(1)));
      return;
    }
    Request request = answered();
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

  /** Whether what is to be answered next is the end of a sharded topic. */
  private boolean isNextFor(@Nullable Object name) {
    Sent next = expected.peek();
    Topic topic = next == null ? null : next.request().topic();
    return next != null
        && topic != null
        && next.request().verb() == Verb.UNSUBSCRIBE
        && topic.kind == Topic.Kind.SHARDED
        && topic.isNamed(name);
  }

  private void onError(JedisDataException error) {
    Request request = answered();
    if (request == null) {
      throw new JedisConnectionException("An error that answers nothing", error);
    }
    Topic topic = request.topic();
    // Whatever it says about a PING, such as that a data set is being loaded: the peer is there.
    if (topic == null) {
      events.onPong(answeredNanos);
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
