package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Sends what the reader awaits replies to, and keeps time, until closed. */
final class Writer implements Runnable {

  private static final Logger LOG = LoggerFactory.getLogger(Writer.class);

  private static final long TICK_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final RedisAccess redis;
  private final Subscriber subscriber;
  private final long heartbeatNanos;

  Writer(RedisAccess redis, Subscriber subscriber, Duration heartbeat) {
    this.redis = redis;
    this.subscriber = subscriber;
    this.heartbeatNanos = heartbeat.toNanos();
  }

  @Override
  public void run() {
    long nextBeat = System.nanoTime() + heartbeatNanos;
    long nextTick = System.nanoTime() + TICK_NANOS;
    while (subscriber.awaitOutgoing(nextBeat - nextTick < 0 ? nextBeat : nextTick)) {
      subscriber.sendOutgoing();
      long now = System.nanoTime();
      if (now - nextBeat >= 0) {
        subscriber.beat();
        nextBeat = now + heartbeatNanos;
      }
      if (now - nextTick >= 0) {
        tick();
        nextTick = now + TICK_NANOS;
      }
    }
  }

  private void tick() {
    try {
      lookAtPool();
      subscriber.tick();
    } catch (RuntimeException | Error e) { // without this thread nothing would be noticed
      LOG.warn("Failed to look after the subscriptions; trying again in a second", e);
    }
  }

  /**
   * What the connection itself does not tell: that the caller has closed the pool, and that after a
   * failover the demoted primary still answers.
   */
  private void lookAtPool() {
    if (redis.isClosed()) {
      subscriber.close();
      return;
    }
    Session session = subscriber.session();
    if (session == null) {
      return;
    }
    if (redis.isCurrent(session.opened())) {
      session.markCurrent();
    } else {
      session.die(
          new JedisConnectionException(
              "Connected to " + session.opened().node() + ", which the client no longer uses"));
    }
  }
}
