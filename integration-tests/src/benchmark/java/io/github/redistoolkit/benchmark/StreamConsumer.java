package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import io.github.redistoolkit.benchmark.Receiver.Event;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.stream.MapRecord;
import org.springframework.data.redis.connection.stream.ReadOffset;
import org.springframework.data.redis.connection.stream.StreamOffset;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.data.redis.stream.StreamListener;
import org.springframework.data.redis.stream.StreamMessageListenerContainer;
import org.springframework.data.redis.stream.StreamMessageListenerContainer.StreamMessageListenerContainerOptions;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.resps.StreamEntry;
import redis.clients.jedis.util.Pool;

/** A stream that is published to and consumed by one group, as a row does it. */
interface StreamConsumer {

  String GROUP = "group";
  String FIELD = "d";
  int BATCH = 32;
  Gson GSON = Json.defaultGson();

  /** The key of the stream. The group is there. */
  String key();

  /** Publishes JSON in one round trip. */
  void publish(Event event);

  /** Consumes, one message at a time and in order, and acknowledges each after its handler. */
  void start(Consumer<Event> handler);

  /** Ends what {@link #start} began. */
  void stop() throws InterruptedException;

  /** The one that the row names, on a stream of its own. */
  static StreamConsumer open(Access access, String name) {
    String key = "topic:{" + name + "}";
    access.admin().xgroupCreate(key, GROUP, new StreamEntryID(0, 0), true);
    return switch (access.through()) {
      case RAW -> new Raw(key, access.pool());
      case POOL, CLIENT ->
          new Ours(
              key,
              access
                  .over(
                      pool -> DurableTopic.builder(pool, name, Event.class),
                      client -> DurableTopic.builder(client, name, Event.class))
                  .build());
      case SPRING_JEDIS, SPRING_LETTUCE -> new OfSpring(key, Peers.spring(access));
      default -> throw new IllegalArgumentException(access.through() + " has no streams");
    };
  }

  /** The toolkit's. */
  final class Ours implements StreamConsumer {

    private final String key;
    private final DurableTopic<Event> topic;
    private DurableSubscription subscription;

    Ours(String key, DurableTopic<Event> topic) {
      this.key = key;
      this.topic = topic;
    }

    @Override
    public String key() {
      return key;
    }

    @Override
    public void publish(Event event) {
      topic.publish(event);
    }

    @Override
    public void start(Consumer<Event> handler) {
      subscription =
          topic.subscribe(GROUP, From.start(), message -> handler.accept(message.body()));
    }

    @Override
    public void stop() {
      subscription.close();
    }
  }

  /** A loop on one connection that reads a batch, handles it, and acknowledges it as a whole. */
  final class Raw implements StreamConsumer {

    private final String key;
    private final Pool<Jedis> pool;
    private volatile boolean stopped;
    private Thread reader;

    Raw(String key, Pool<Jedis> pool) {
      this.key = key;
      this.pool = pool;
    }

    @Override
    public String key() {
      return key;
    }

    @Override
    public void publish(Event event) {
      try (Jedis jedis = pool.getResource()) {
        jedis.xadd(key, StreamEntryID.NEW_ENTRY, Map.of(FIELD, GSON.toJson(event)));
      }
    }

    @Override
    public void start(Consumer<Event> handler) {
      stopped = false;
      reader = new Thread(() -> consume(handler), "raw-consumer");
      reader.setDaemon(true);
      reader.start();
    }

    private void consume(Consumer<Event> handler) {
      XReadGroupParams batch = XReadGroupParams.xReadGroupParams().count(BATCH).block(100);
      try (Jedis jedis = pool.getResource()) {
        while (!stopped) {
          var read =
              jedis.xreadGroup(
                  GROUP, "raw", batch, Map.of(key, StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
          if (read != null) {
            List<StreamEntry> entries = read.get(0).getValue();
            for (StreamEntry entry : entries) {
              handler.accept(GSON.fromJson(entry.getFields().get(FIELD), Event.class));
            }
            jedis.xack(
                key, GROUP, entries.stream().map(StreamEntry::getID).toArray(StreamEntryID[]::new));
          }
        }
      }
    }

    @Override
    public void stop() throws InterruptedException {
      stopped = true;
      reader.join();
    }
  }

  /** {@code StreamMessageListenerContainer}, of which each listener acknowledges its message. */
  final class OfSpring implements StreamConsumer {

    private final String key;
    private final StringRedisTemplate template;
    private final RedisConnectionFactory connections;
    private StreamMessageListenerContainer<String, MapRecord<String, String, String>> container;

    OfSpring(String key, RedisConnectionFactory connections) {
      this.key = key;
      this.connections = connections;
      this.template = new StringRedisTemplate(connections);
    }

    @Override
    public String key() {
      return key;
    }

    @Override
    public void publish(Event event) {
      var unused = template.opsForStream().add(key, Map.of(FIELD, GSON.toJson(event)));
    }

    @Override
    public void start(Consumer<Event> handler) {
      container =
          StreamMessageListenerContainer.create(
              connections,
              StreamMessageListenerContainerOptions.builder()
                  .batchSize(BATCH)
                  .pollTimeout(Duration.ofMillis(100))
                  .build());
      StreamListener<String, MapRecord<String, String, String>> listener =
          entry -> {
            handler.accept(GSON.fromJson(entry.getValue().get(FIELD), Event.class));
            var unused = template.opsForStream().acknowledge(GROUP, entry);
          };
      var unused =
          container.receive(
              org.springframework.data.redis.connection.stream.Consumer.from(GROUP, "spring"),
              StreamOffset.create(key, ReadOffset.lastConsumed()),
              listener);
      container.start();
    }

    @Override
    public void stop() {
      container.stop();
    }
  }
}
