package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.pubsub.RedisPubSub;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.util.Pool;

/** A client that subscribes to channels and publishes to them, as a row does it. */
interface Receiver extends AutoCloseable {

  /** What is published. */
  record Event(String type, String userId, long number) {}

  /**
   * Subscribes, and returns when the server has confirmed it; the handler gets each message
   * decoded, one at a time and in order. Called by one thread.
   */
  void subscribe(String channel, Consumer<Event> handler);

  /** Publishes JSON in one round trip. */
  void publish(String channel, Event event);

  @Override
  void close();

  /** The one that the row names. */
  static Receiver open(Access access) {
    return switch (access.through()) {
      case RAW -> new Raw(access.pool());
      case POOL, CLIENT -> new Ours(access.over(RedisPubSub::new, RedisPubSub::new));
      case ON_READER ->
          new Ours(RedisPubSub.builder(access.pool()).executor(Runnable::run).build());
      case REDISSON -> new PeerReceivers.OfRedisson(Peers.redisson(access));
      case SPRING_JEDIS, SPRING_LETTUCE -> PeerReceivers.OfSpring.over(Peers.spring(access));
      case LETTUCE -> PeerReceivers.OfLettuce.over(Peers.lettuce(access));
      default -> throw new IllegalArgumentException(access.through() + " has no channels");
    };
  }

  /** The toolkit's. */
  record Ours(RedisPubSub pubSub) implements Receiver {

    @Override
    public void subscribe(String channel, Consumer<Event> handler) {
      var unused =
          pubSub.subscribe(channel, Event.class, message -> handler.accept(message.body()));
    }

    @Override
    public void publish(String channel, Event event) {
      pubSub.publish(channel, event);
    }

    @Override
    public void close() {
      pubSub.close();
    }
  }

  /** Jedis's own, whose handlers run on the thread that reads. */
  final class Raw implements Receiver {

    private static final Gson GSON = Json.defaultGson();

    private final Pool<Jedis> pool;
    private final Map<String, Consumer<Event>> handlers = new ConcurrentHashMap<>();
    private final Semaphore subscribed = new Semaphore(0);
    private final Semaphore ended = new Semaphore(0);
    private final JedisPubSub subscriber =
        new JedisPubSub() {
          @Override
          public void onSubscribe(String channel, int count) {
            subscribed.release();
          }

          @Override
          public void onMessage(String channel, String message) {
            handlers.get(channel).accept(GSON.fromJson(message, Event.class));
          }
        };
    private Thread reader;

    Raw(Pool<Jedis> pool) {
      this.pool = pool;
    }

    @Override
    public void subscribe(String channel, Consumer<Event> handler) {
      handlers.put(channel, handler);
      if (reader == null) {
        reader = new Thread(() -> read(channel), "raw-subscriber");
        reader.setDaemon(true);
        reader.start();
      } else {
        subscriber.subscribe(channel);
      }
      subscribed.acquireUninterruptibly();
    }

    private void read(String channel) {
      try (Jedis jedis = pool.getResource()) {
        jedis.subscribe(subscriber, channel);
      } finally {
        ended.release();
      }
    }

    @Override
    public void publish(String channel, Event event) {
      try (Jedis jedis = pool.getResource()) {
        jedis.publish(channel, GSON.toJson(event));
      }
    }

    @Override
    public void close() {
      subscriber.unsubscribe();
      ended.acquireUninterruptibly();
    }
  }
}
