package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.RedisAccess;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.params.SetParams;

/**
 * Hears from Redis which entries changed, on a connection of its own, and knows how long that can
 * be relied on.
 *
 * <p>The connection has <a
 * href="https://redis.io/docs/latest/develop/reference/client-side-caching/">tracking</a> on for
 * the prefix, redirected to itself, in RESP2, which every server since 6.0 can. A second thread
 * publishes a probe four times a second <em>through the pool</em>. What arrives on the connection
 * is in the order of the server. So when a probe has arrived, everything that happened before it
 * was sent has been heard; and the server that is heard is the one that the pool writes to. If
 * probes stop to arrive, for whatever reason, trust runs out by itself.
 *
 * <p>Trust begins only after a key written through the pool was reported under the name that this
 * cache knows, so a client that renames keys never gets a near cache that hears nothing.
 */
final class Invalidations {

  private static final Logger LOG = LoggerFactory.getLogger(Invalidations.class);

  private static final String CHANNEL = "__redis__:invalidate";
  private static final long PROBE_MILLIS = 250;

  /** Silence after which a connection is given up; probes should arrive far more often. */
  private static final int SILENCE_MILLIS = 2000;

  private static final long SHORTEST_PAUSE_MILLIS = 25;
  private static final long LONGEST_PAUSE_MILLIS = 1000;

  private final RedisAccess redis;
  private final RedisAccess listening;
  private final NearCache<?> near;
  private final String prefix;

  /** The same as the server knows it. */
  private final String redisPrefix;

  private final String id = UUID.randomUUID().toString();
  private final String probeChannel = "redis-toolkit:near:" + id;
  private final String probeKey = "#near:" + id;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread reader = daemon("redis-cache-near-reader", this::readUntilClosed);
  private final Thread prober = daemon("redis-cache-near-prober", this::probeUntilClosed);

  private volatile @Nullable Session session;

  Invalidations(RedisAccess redis, RedisAccess listening, NearCache<?> near, String prefix) {
    this.redis = redis;
    this.listening = listening;
    this.near = near;
    this.prefix = prefix;
    this.redisPrefix = redis.key(prefix);
  }

  /** One connection, from its set-up to its end. */
  private static final class Session {
    final Connection connection;
    volatile boolean subscribed;
    volatile boolean verified;

    Session(Connection connection) {
      this.connection = connection;
    }
  }

  void start() {
    reader.start();
    prober.start();
  }

  /** Ends both threads, at once unless one is waiting for the network. */
  void close() {
    closed.countDown();
    near.distrust();
    disconnect(session);
    prober.interrupt();
    reader.interrupt();
  }

  private boolean isClosed() {
    return closed.getCount() == 0;
  }

  // The reader.

  private void readUntilClosed() {
    long pauseMillis = SHORTEST_PAUSE_MILLIS;
    boolean reported = false;
    while (!isClosed() && !listening.isClosed()) {
      try {
        Session opened = open();
        try {
          session = opened;
          readMessages(opened);
        } finally {
          session = null;
          near.distrust();
          disconnect(opened);
          if (opened.verified) {
            pauseMillis = SHORTEST_PAUSE_MILLIS;
            reported = false;
          }
        }
      } catch (RuntimeException e) {
        report(e, reported);
        reported = true;
      }
      if (!pause(pauseMillis)) {
        return;
      }
      pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
    }
  }

  private void readMessages(Session from) {
    while (!isClosed()) {
      receive(from, from.connection.getUnflushedObject());
    }
  }

  private void report(RuntimeException e, boolean reportedBefore) {
    if (isClosed()) {
      return; // Closing ends the connection that was being read.
    }
    if (reportedBefore) {
      LOG.debug("Near cache of prefix {} is still off", prefix, e);
    } else {
      LOG.warn("Near cache of prefix {} is off until Redis can be heard again", prefix, e);
    }
  }

  private Session open() {
    Connection connection = listening.open(SILENCE_MILLIS).connection();
    boolean ready = false;
    try {
      Object clientId = ask(connection, Command.CLIENT, "ID");
      String[] tracking = {
        "TRACKING", "ON", "REDIRECT", String.valueOf(clientId), "BCAST", "PREFIX", redisPrefix
      };
      ask(connection, Command.CLIENT, tracking);
      connection.sendCommand(Command.SUBSCRIBE, CHANNEL, probeChannel);
      // The replies come as messages do; the first read sends the command off.
      Session opened = new Session(connection);
      receive(opened, connection.getOne());
      ready = true;
      return opened;
    } finally {
      if (!ready) {
        disconnect(connection);
      }
    }
  }

  @CanIgnoreReturnValue
  private static Object ask(Connection connection, Command command, String... args) {
    connection.sendCommand(command, args);
    return connection.getOne();
  }

  private void receive(Session from, Object message) {
    List<?> parts = (List<?>) message;
    String kind = text(parts.get(0));
    String channel = text(parts.get(1));
    if (kind.equals("subscribe")) {
      from.subscribed = channel.equals(probeChannel);
    } else if (kind.equals("message") && channel.equals(CHANNEL)) {
      changed(from, parts.get(2));
    } else if (kind.equals("message") && from.verified) {
      near.trust(Long.parseLong(text(parts.get(2))));
    }
  }

  private void changed(Session from, @Nullable Object keys) {
    if (keys == null) {
      near.allChanged(); // The database was emptied.
      return;
    }
    for (Object bytes : (List<?>) keys) {
      String redisKey = text(bytes);
      if (redisKey.startsWith(redisPrefix)) {
        String key = redisKey.substring(redisPrefix.length());
        near.changed(key);
        from.verified |= key.equals(probeKey);
      }
    }
  }

  private static String text(@Nullable Object bytes) {
    return new String((byte[]) Objects.requireNonNull(bytes), UTF_8);
  }

  // The prober.

  private void probeUntilClosed() {
    while (pause(PROBE_MILLIS) && !listening.isClosed()) {
      Session current = session;
      if (current != null && current.subscribed) {
        probe(current);
      }
    }
    disconnect(session); // The reader ends with it, should the pool have been closed.
  }

  private void probe(Session current) {
    try {
      if (!current.verified) {
        redis.execute(
            redis.commands().set(prefix + probeKey, "#near", SetParams.setParams().px(1000)));
      }
      redis.execute(redis.commands().publish(probeChannel, String.valueOf(System.nanoTime())));
    } catch (RuntimeException e) {
      if (!isClosed()) {
        LOG.debug("No probe for the near cache of prefix {}", prefix, e);
      }
    }
  }

  /** Returns false when this is closed. */
  private boolean pause(long millis) {
    try {
      return !closed.await(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return !isClosed();
    }
  }

  private static void disconnect(@Nullable Session ended) {
    if (ended != null) {
      disconnect(ended.connection);
    }
  }

  private static void disconnect(Connection connection) {
    try {
      connection.forceDisconnect();
    } catch (IOException e) {
      LOG.debug("A connection that is given up was not closed", e);
    }
  }

  private static Thread daemon(String name, Runnable task) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }
}
