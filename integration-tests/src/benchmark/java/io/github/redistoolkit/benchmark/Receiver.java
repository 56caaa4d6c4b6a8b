package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.pubsub.RedisPubSub;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.util.Pool;

/** A confirmed subscription to one channel, and what publishes to it. */
interface Receiver extends AutoCloseable {

  /** What is published. */
  record Event(String type, String userId, long number) {}

  /** Publishes as this row does it: JSON, one round trip. */
  void publish(Event event);

  @Override
  void close();

  /** Subscribes; the handler gets each message decoded, one at a time and in order. */
  static Receiver open(Access access, String channel, Consumer<Event> handler) {
    return switch (access.through()) {
      case RAW -> Raw.open(access.pool(), channel, handler);
      case POOL, CLIENT -> Ours.open(access, channel, handler);
      case REDISSON -> PeerReceivers.redisson(access, channel, handler);
      case SPRING_JEDIS, SPRING_LETTUCE -> PeerReceivers.spring(access, channel, handler);
      case LETTUCE -> PeerReceivers.lettuce(access, channel, handler);
      default -> throw new IllegalArgumentException(access.through() + " has no channels");
    };
  }

  /** The toolkit's. */
  record Ours(RedisPubSub pubSub, String channel) implements Receiver {

    static Ours open(Access access, String channel, Consumer<Event> handler) {
      RedisPubSub pubSub = access.over(RedisPubSub::new, RedisPubSub::new);
      var unused =
          pubSub.subscribe(channel, Event.class, message -> handler.accept(message.body()));
      return new Ours(pubSub, channel);
    }

    @Override
    public void publish(Event event) {
      pubSub.publish(channel, event);
    }

    @Override
    public void close() {
      pubSub.close();
    }
  }

  /** Jedis's own, whose handler runs on the thread that reads. */
  record Raw(Pool<Jedis> pool, String channel, JedisPubSub subscriber, Thread reader)
      implements Receiver {

    private static final Gson GSON = Json.defaultGson();

    static Raw open(Pool<Jedis> pool, String channel, Consumer<Event> handler) {
      CountDownLatch subscribed = new CountDownLatch(1);
      JedisPubSub subscriber =
          new JedisPubSub() {
            @Override
            public void onSubscribe(String topic, int count) {
              subscribed.countDown();
            }

            @Override
            public void onMessage(String topic, String message) {
              handler.accept(GSON.fromJson(message, Event.class));
            }
          };
      Thread reader = new Thread(() -> read(pool, channel, subscriber), "raw-subscriber");
      reader.setDaemon(true);
      reader.start();
      await(subscribed::await);
      return new Raw(pool, channel, subscriber, reader);
    }

    private static void read(Pool<Jedis> pool, String channel, JedisPubSub subscriber) {
      try (Jedis jedis = pool.getResource()) {
        jedis.subscribe(subscriber, channel);
      }
    }

    @Override
    public void publish(Event event) {
      try (Jedis jedis = pool.getResource()) {
        jedis.publish(channel, GSON.toJson(event));
      }
    }

    @Override
    public void close() {
      subscriber.unsubscribe();
      await(reader::join);
    }

    private interface Wait {
      void end() throws InterruptedException;
    }

    private static void await(Wait wait) {
      try {
        wait.end();
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted", e);
      }
    }
  }
}
