package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * A message of our own that goes the way of all others: published through the pool, and to come
 * back on the connection. A PING only proves that somebody is there, not that publishers are.
 *
 * <p>One is lost when a PING was answered that was sent long after the probe's publication had
 * been: whatever this JVM or the network did meanwhile, the probe was to come first. State of one
 * connection, guarded by the lock of its {@link Link}.
 */
final class Probe {

  /** What its channels begin with. */
  static final String PREFIX = "redis-toolkit:probe:";

  private static final long SHORTEST_PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  final Topic topic = new Topic(Topic.Kind.CHANNEL, PREFIX + UUID.randomUUID());

  /** In a Cluster, messages go from node to node, which takes some time. */
  private final long graceNanos;

  /** For so long the last one says something: then the next would have arrived, or been lost. */
  private final long validNanos;

  private final EventLog log;
  private boolean confirmed;
  private boolean lost;

  /** The keeper's thread counts, readers compare. */
  private final AtomicLong number = new AtomicLong();

  private @Nullable Long sentNanos;
  private @Nullable Long publishedNanos;
  private @Nullable Long goodNanos;

  Probe(Settings settings, EventLog log) {
    this.log = log;
    this.graceNanos = settings.longestSilence().toNanos();
    this.validNanos = graceNanos + 2 * period(settings.heartbeat()).toNanos();
  }

  /** How often one is sent: with each heartbeat, but not more than once a second. */
  static Duration period(Duration heartbeat) {
    return Duration.ofNanos(Math.max(heartbeat.toNanos(), SHORTEST_PERIOD_NANOS));
  }

  void confirmed() {
    confirmed = true;
  }

  /** Begins with a new connection, which was made to where publishers are. */
  void begin(long nowNanos) {
    confirmed = false;
    lost = false;
    sentNanos = null;
    publishedNanos = null;
    goodNanos = nowNanos;
  }

  /** Begins one, unless there is one on its way or nothing could arrive. */
  boolean start(long nowNanos) {
    if (!confirmed || sentNanos != null) {
      return false;
    }
    number.incrementAndGet();
    sentNanos = nowNanos;
    publishedNanos = null;
    return true;
  }

  /** Publishes it; not under the lock. Returns whether that can have succeeded. */
  boolean publish(RedisAccess redis) {
    try {
      long unused =
          redis.publish(Command.PUBLISH, topic.rawName, number.toString().getBytes(UTF_8));
      return true;
    } catch (JedisDataException e) {
      warnOfRefusal(log, e);
      return false;
    } catch (JedisException e) {
      return false; // which says nothing about the connection; there will be others
    }
  }

  static void warnOfRefusal(EventLog log, JedisDataException error) {
    log.warn(
        error,
        "No probe can be sent on channels {}*, so only the silence of the server is noticed, not"
            + " that it is the wrong one; and with new credentials there will be a gap",
        PREFIX);
  }

  void published(boolean succeeded, long nowNanos) {
    if (!succeeded) {
      sentNanos = null;
      goodNanos = null;
    } else if (sentNanos != null) {
      publishedNanos = nowNanos;
    }
  }

  void arrived(byte[] payload) {
    if (sentNanos != null && new String(payload, UTF_8).equals(number.toString())) {
      goodNanos = sentNanos;
      lost = false;
      sentNanos = null;
      publishedNanos = null;
    }
  }

  /** Whether it should have arrived before the answer to a PING that was sent then. */
  boolean isLost(long pingSentNanos) {
    lost |=
        sentNanos != null && publishedNanos != null && pingSentNanos - publishedNanos >= graceNanos;
    return lost;
  }

  /** Until when everything has come for sure, if the connection alone says another time. */
  long goodUntilNanos(long ofConnection, long nowNanos) {
    if (goodNanos == null || (!lost && nowNanos - goodNanos > validNanos)) {
      return ofConnection;
    }
    return goodNanos - ofConnection < 0 ? goodNanos : ofConnection;
  }
}
