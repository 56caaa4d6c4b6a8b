package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.benchmark.Receiver.Event;
import io.github.redistoolkit.benchmark.StreamConsumer.Batches;
import io.lettuce.core.RedisClient;
import io.lettuce.core.StreamMessage;
import io.lettuce.core.XReadArgs;
import io.lettuce.core.api.sync.RedisCommands;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.redisson.api.RReliableTopic;
import org.redisson.api.RStream;
import org.redisson.api.RedissonClient;
import org.redisson.api.stream.StreamAddArgs;
import org.redisson.api.stream.StreamMessageId;
import org.redisson.api.stream.StreamReadGroupArgs;
import org.redisson.client.codec.StringCodec;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.stream.MapRecord;
import org.springframework.data.redis.connection.stream.ReadOffset;
import org.springframework.data.redis.connection.stream.StreamOffset;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.data.redis.stream.StreamListener;
import org.springframework.data.redis.stream.StreamMessageListenerContainer;
import org.springframework.data.redis.stream.StreamMessageListenerContainer.StreamMessageListenerContainerOptions;

/**
 * Streams of the peers.
 *
 * <p>They do not give the same. Spring has a container that reads and hands out. Redisson and
 * Lettuce have the commands, so that a loop as in raw Jedis stands around them. None of these takes
 * over what a consumer that died had. Redisson's reliable topic hands each message to all who
 * listen, and has no groups to share the work.
 */
final class PeerStreams {

  private PeerStreams() {}

  /** {@code RStream}: commands, over Redisson's own pool. */
  static final class OfRedisson extends Batches {

    private final RStream<String, String> stream;

    OfRedisson(String key, RedissonClient redisson) {
      super(key);
      this.stream = redisson.getStream(key, StringCodec.INSTANCE);
    }

    @Override
    public void publish(Event event) {
      stream.add(StreamAddArgs.entry(FIELD, GSON.toJson(event)));
    }

    @Override
    void consume(Consumer<Event> handler) {
      StreamReadGroupArgs batch =
          StreamReadGroupArgs.neverDelivered()
              .count(BATCH)
              .timeout(Duration.ofMillis(BLOCK_MILLIS));
      while (!isStopped()) {
        Map<StreamMessageId, Map<String, String>> read = stream.readGroup(GROUP, "redisson", batch);
        if (!read.isEmpty()) {
          for (Map<String, String> entry : read.values()) {
            handler.accept(GSON.fromJson(entry.get(FIELD), Event.class));
          }
          stream.ack(GROUP, read.keySet().toArray(StreamMessageId[]::new));
        }
      }
    }
  }

  /**
   * {@code RReliableTopic}: each who listens is a group, which gets what was published after it
   * came. Acknowledges each message by itself, and trims after each batch.
   */
  static final class OfRedissonTopic implements StreamConsumer {

    private final String key;
    private final RReliableTopic topic;

    OfRedissonTopic(String key, RedissonClient redisson) {
      this.key = key;
      this.topic = redisson.getReliableTopic(key, Peers.jsonCodec(Event.class));
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
      topic.addListener(Event.class, (channel, event) -> handler.accept(event));
    }

    @Override
    public void stop() {
      // The client ends with the access. Listeners that leave let the script that trims fail, if it
      // comes after there is no group.
    }
  }

  /** Commands, with a connection for those that wait and one for what is published. */
  static final class OfLettuce extends Batches {

    private final RedisCommands<String, String> reading;
    private final RedisCommands<String, String> publishing;

    OfLettuce(String key, RedisClient lettuce, RedisCommands<String, String> publishing) {
      super(key);
      this.reading = lettuce.connect().sync();
      this.publishing = publishing;
    }

    @Override
    public void publish(Event event) {
      publishing.xadd(key(), Map.of(FIELD, GSON.toJson(event)));
    }

    @Override
    void consume(Consumer<Event> handler) {
      while (!isStopped()) {
        List<StreamMessage<String, String>> read = read();
        if (!read.isEmpty()) {
          for (StreamMessage<String, String> entry : read) {
            handler.accept(GSON.fromJson(entry.getBody().get(FIELD), Event.class));
          }
          reading.xack(
              key(), GROUP, read.stream().map(StreamMessage::getId).toArray(String[]::new));
        }
      }
    }

    /** An array of a generic type is what Lettuce asks for. */
    @SuppressWarnings("unchecked")
    private List<StreamMessage<String, String>> read() {
      return reading.xreadgroup(
          io.lettuce.core.Consumer.from(GROUP, "lettuce"),
          XReadArgs.Builder.count(BATCH).block(BLOCK_MILLIS),
          XReadArgs.StreamOffset.lastConsumed(key()));
    }
  }

  /** {@code StreamMessageListenerContainer}, of which each listener acknowledges its message. */
  static final class OfSpring implements StreamConsumer {

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
                  .pollTimeout(Duration.ofMillis(BLOCK_MILLIS))
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
