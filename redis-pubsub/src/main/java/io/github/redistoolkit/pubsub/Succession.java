package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.pubsub.Session.Request;
import io.github.redistoolkit.pubsub.Session.Verb;
import io.github.redistoolkit.pubsub.Topic.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * How a link comes to another connection and neither misses a message nor hears one twice.
 *
 * <p>The other connection goes to the same server and subscribes to the same topics. Then a message
 * of our own, the mark, is published, which both hear. A server tells every subscriber of a message
 * before it turns to the next. So what came before the mark on the one came before it on the other:
 * the old one is listened to up to the mark, the new one from there on.
 *
 * <p>The keeper's thread prepares the new connection and reads it up to the mark. The reader of the
 * old one goes on from there.
 */
final class Succession implements Session.Events {

  /** So many subscriptions are asked for before the answers are read. */
  private static final int CHUNK = 500;

  private record Name(Kind kind, String name) {
    static Name of(Topic topic) {
      return new Name(topic.kind, topic.name);
    }
  }

  private final Link link;
  private final Topic marker;
  private final byte[] mark = ("change:" + UUID.randomUUID()).getBytes(UTF_8);
  private final Session session;
  private final Connection connection;
  private final Settings settings;
  private volatile long deadlineNanos;

  private final List<Topic> subscribed = new ArrayList<>();
  private final Set<Name> names = new HashSet<>();
  private int awaited;
  private boolean markAwaited;
  private boolean marked;

  /** True once the mark was read, false if it never will be. */
  private final CompletableFuture<Boolean> atMark = new CompletableFuture<>();

  private final CompletableFuture<Boolean> takenOver = new CompletableFuture<>();
  private volatile boolean over;

  private Succession(Opened opened, Settings settings, Link link, Topic marker) {
    this.link = link;
    this.marker = marker;
    this.settings = settings;
    this.deadlineNanos = settings.ticker().nanoTime() + settings.longestSilence().toNanos();
    this.connection = opened.connection();
    this.session = new Session(opened, this, settings.ticker());
  }

  /**
   * Connects to where a session leads.
   *
   * @throws JedisException if that fails, or would lead elsewhere
   */
  static Succession begin(
      Session from, RedisAccess redis, Settings settings, Link link, Topic marker) {
    String node = from.opened().node();
    Opened opened = redis.openTo(node, (int) settings.longestSilence().toMillis());
    if (!opened.node().equals(node)) {
      opened.disconnect();
      throw new JedisConnectionException("There is another server in the place of " + node);
    }
    return new Succession(opened, settings, link, marker);
  }

  Session session() {
    return session;
  }

  /** What the new connection has; the marker excepted. */
  List<Topic> subscribed() {
    return subscribed.stream().filter(topic -> topic != marker).toList();
  }

  List<Topic> lacking(List<Topic> topics) {
    return topics.stream().filter(topic -> !names.contains(Name.of(topic))).toList();
  }

  /** Subscribes to more, and waits until all is confirmed. */
  void subscribe(List<Topic> topics) {
    for (int from = 0; from < topics.size(); from += CHUNK) {
      List<Topic> some = topics.subList(from, Math.min(from + CHUNK, topics.size()));
      awaited = some.size();
      session.send(some.stream().map(topic -> new Request(Verb.RESTORE, topic)).toList());
      read();
      for (Topic topic : some) {
        subscribed.add(topic);
        names.add(Name.of(topic));
      }
    }
  }

  private void read() {
    Throwable death = session.readUntil(() -> (awaited == 0 && !isMarkAwaited()) || isLate());
    if (death != null) {
      throw death instanceof JedisException failure
          ? failure
          : new JedisConnectionException("The new connection ended", death);
    }
    requireTime();
  }

  private boolean isMarkAwaited() {
    return markAwaited && !marked;
  }

  private boolean isLate() {
    return settings.ticker().nanoTime() - deadlineNanos > 0;
  }

  void requireTime() {
    if (isLate()) {
      throw new JedisConnectionException("The new connection was not ready in time");
    }
  }

  /**
   * Begins the time in which the old connection sends nothing, so that callers may wait; returns
   * when it is over.
   */
  long beginEnd() {
    long most = Math.min(settings.maxWait().toNanos(), settings.longestSilence().toNanos());
    deadlineNanos = settings.ticker().nanoTime() + most / 4;
    return deadlineNanos;
  }

  void publishMark(RedisAccess redis) {
    long unused = redis.publish(Command.PUBLISH, marker.rawName, mark);
  }

  boolean isMark(byte[] payload) {
    return Arrays.equals(payload, mark);
  }

  /** Reads away what the old connection hears too. */
  void readToMark() {
    requireTime();
    markAwaited = true;
    connection.setSoTimeout(
        (int)
            Math.max(
                1, TimeUnit.NANOSECONDS.toMillis(deadlineNanos - settings.ticker().nanoTime())));
    read();
    connection.setSoTimeout((int) settings.longestSilence().toMillis());
    boolean unused = atMark.complete(true);
  }

  /** Waits until the new connection was read up to the mark; false if it will not be in time. */
  boolean awaitMark() {
    return isTrue(atMark);
  }

  /** Waits until the reader has taken over, for the time that is left. */
  void awaitEnd() {
    if (!isTrue(takenOver)) {
      throw new JedisConnectionException("The old connection did not come to the mark in time");
    }
  }

  private boolean isTrue(CompletableFuture<Boolean> future) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          long left = Math.max(0, deadlineNanos - settings.ticker().nanoTime());
          return future.get(left, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true; // by a handler on a same-thread executor, or by closing
        } catch (TimeoutException e) {
          return false;
        } catch (ExecutionException e) {
          throw new AssertionError("never completed so", e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** From now on the session is the link's. */
  void isOver() {
    over = true;
    boolean unused = takenOver.complete(true);
  }

  boolean hasTakenOver() {
    return over;
  }

  @Override
  public void onMessage(Session at, Kind kind, String topic, String channel, byte[] payload) {
    if (over) {
      link.onMessage(at, kind, topic, channel, payload);
    } else {
      marked |= kind == marker.kind && topic.equals(marker.name) && isMark(payload);
    }
  }

  @Override
  public void onReply(Verb verb, Topic topic) {
    if (over) {
      link.onReply(verb, topic);
    } else {
      awaited--;
    }
  }

  @Override
  public void onError(Verb verb, Topic topic, JedisDataException error) {
    if (over) {
      link.onError(verb, topic, error);
    } else {
      throw error; // which ends the new connection; the old one may still have what is refused here
    }
  }

  @Override
  public void onEnd(Kind kind, String topic) {
    if (over) {
      link.onEnd(kind, topic);
    } else {
      throw new JedisConnectionException("A slot moved while a new connection was prepared");
    }
  }

  @Override
  public void onPong(long sentNanos) {
    if (over) {
      link.onPong(sentNanos);
    }
  }

  @Override
  public void onDeath() {
    if (over) {
      link.onDeath();
    } else {
      boolean unusedFirst = atMark.complete(false);
      boolean unusedSecond = takenOver.complete(false);
    }
  }
}
