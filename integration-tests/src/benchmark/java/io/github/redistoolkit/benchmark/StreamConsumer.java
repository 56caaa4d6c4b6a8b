package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import io.github.redistoolkit.benchmark.Receiver.Event;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.function.Function;
import org.redisson.api.RedissonClient;
import org.springframework.data.redis.connection.RedisConnectionFactory;
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
  int BLOCK_MILLIS = 100;
  Gson GSON = Json.defaultGson();

  /** The key of the stream. */
  String key();

  /** Publishes JSON in one round trip. */
  void publish(Event event);

  /** Consumes, one message at a time and in order, and acknowledges after the handler. */
  void start(Consumer<Event> handler);

  /** Ends what {@link #start} began. */
  void stop() throws InterruptedException;

  /**
   * A client, as the row does it.
   *
   * @return makes the stream with a name, whose group is there if the row has groups; all streams
   *     share what can be shared
   */
  static Function<String, StreamConsumer> client(Access access) {
    return switch (access.through()) {
      case RAW -> name -> new Raw(withGroup(access, name), access.pool());
      case POOL, CLIENT -> name -> new Ours(withGroup(access, name), topic(access, name).build());
      case ON_EXECUTOR -> {
        ExecutorService handlers =
            access.closing(Executors.newSingleThreadExecutor(), ExecutorService::shutdown);
        yield name ->
            new Ours(withGroup(access, name), topic(access, name).executor(handlers).build());
      }
      case REDISSON -> {
        RedissonClient redisson = Peers.redisson(access);
        yield name -> new PeerStreams.OfRedisson(withGroup(access, name), redisson);
      }
      case REDISSON_TOPIC -> {
        RedissonClient redisson = Peers.redisson(access);
        yield name -> new PeerStreams.OfRedissonTopic(key(name), redisson);
      }
      case SPRING_JEDIS, SPRING_LETTUCE -> {
        RedisConnectionFactory connections = Peers.spring(access);
        yield name -> new PeerStreams.OfSpring(withGroup(access, name), connections);
      }
      case LETTUCE -> {
        RedisClient lettuce = Peers.lettuce(access);
        RedisCommands<String, String> publishing = lettuce.connect().sync();
        yield name -> new PeerStreams.OfLettuce(withGroup(access, name), lettuce, publishing);
      }
      default -> throw new IllegalArgumentException(access.through() + " has no streams");
    };
  }

  private static String key(String name) {
    return "topic:{" + name + "}";
  }

  /** Makes stream and group, and returns the key. */
  private static String withGroup(Access access, String name) {
    access.admin().xgroupCreate(key(name), GROUP, new StreamEntryID(0, 0), true);
    return key(name);
  }

  private static DurableTopic.Builder<Event> topic(Access access, String name) {
    return access.over(
        pool -> DurableTopic.builder(pool, name, Event.class),
        client -> DurableTopic.builder(client, name, Event.class));
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

  /** A loop on one thread that reads a batch, handles it, and acknowledges it as a whole. */
  abstract class Batches implements StreamConsumer {

    private final String key;
    private volatile boolean stopped;
    private Thread reader;

    Batches(String key) {
      this.key = key;
    }

    @Override
    public final String key() {
      return key;
    }

    @Override
    public final void start(Consumer<Event> handler) {
      reader = new Thread(() -> consume(handler), "batches");
      reader.setDaemon(true);
      reader.start();
    }

    /** Takes one batch after the other until it is stopped. */
    abstract void consume(Consumer<Event> handler);

    final boolean isStopped() {
      return stopped;
    }

    @Override
    public final void stop() throws InterruptedException {
      stopped = true;
      reader.join();
    }
  }

  /** Jedis, on one connection for all batches. */
  final class Raw extends Batches {

    private final Pool<Jedis> pool;

    Raw(String key, Pool<Jedis> pool) {
      super(key);
      this.pool = pool;
    }

    @Override
    public void publish(Event event) {
      try (Jedis jedis = pool.getResource()) {
        jedis.xadd(key(), StreamEntryID.NEW_ENTRY, Map.of(FIELD, GSON.toJson(event)));
      }
    }

    @Override
    void consume(Consumer<Event> handler) {
      XReadGroupParams batch = XReadGroupParams.xReadGroupParams().count(BATCH).block(BLOCK_MILLIS);
      try (Jedis jedis = pool.getResource()) {
        while (!isStopped()) {
          var read =
              jedis.xreadGroup(
                  GROUP, "raw", batch, Map.of(key(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
          if (read != null) {
            List<StreamEntry> entries = read.get(0).getValue();
            for (StreamEntry entry : entries) {
              handler.accept(GSON.fromJson(entry.getFields().get(FIELD), Event.class));
            }
            jedis.xack(
                key(),
                GROUP,
                entries.stream().map(StreamEntry::getID).toArray(StreamEntryID[]::new));
          }
        }
      }
    }
  }
}
