package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import io.github.redistoolkit.benchmark.Receiver.Event;
import io.github.redistoolkit.core.Json;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.Codec;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.data.redis.connection.MessageListener;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.data.redis.listener.ChannelTopic;
import org.springframework.data.redis.listener.RedisMessageListenerContainer;

/**
 * Subscriptions of the peers.
 *
 * <p>Where a handler runs differs. Ours has a thread for each subscription, with a bounded buffer
 * before it; Redisson's runs on one of its threads, in order; Spring's on an executor, here one
 * thread, since the default begins a thread for each message and keeps no order; Lettuce's on the
 * thread that reads, as that of {@code JedisPubSub}.
 */
final class PeerReceivers {

  private static final Gson GSON = Json.defaultGson();

  private PeerReceivers() {}

  /** {@code RTopic}. */
  record OfRedisson(RedissonClient redisson, Codec codec) implements Receiver {

    OfRedisson(RedissonClient redisson) {
      this(redisson, Peers.jsonCodec(Event.class));
    }

    @Override
    public void subscribe(String channel, Consumer<Event> handler) {
      redisson
          .getTopic(channel, codec)
          .addListener(Event.class, (name, event) -> handler.accept(event));
    }

    @Override
    public void publish(String channel, Event event) {
      redisson.getTopic(channel, codec).publish(event);
    }

    @Override
    public void close() {
      // The client ends with the access, and its subscriptions with it.
    }
  }

  /** {@code RedisMessageListenerContainer}. */
  record OfSpring(
      RedisMessageListenerContainer container,
      StringRedisTemplate template,
      ExecutorService executor)
      implements Receiver {

    static OfSpring over(RedisConnectionFactory connections) {
      ExecutorService executor = Executors.newSingleThreadExecutor();
      RedisMessageListenerContainer container = new RedisMessageListenerContainer();
      container.setConnectionFactory(connections);
      container.setTaskExecutor(executor);
      // Jedis blocks the thread that subscribes.
      container.setSubscriptionExecutor(new SimpleAsyncTaskExecutor("spring-subscriber-"));
      container.afterPropertiesSet();
      container.start();
      return new OfSpring(container, new StringRedisTemplate(connections), executor);
    }

    @Override
    public void subscribe(String channel, Consumer<Event> handler) {
      MessageListener listener =
          (message, pattern) ->
              handler.accept(
                  GSON.fromJson(
                      new String(message.getBody(), StandardCharsets.UTF_8), Event.class));
      container.addMessageListener(listener, new ChannelTopic(channel));
    }

    @Override
    public void publish(String channel, Event event) {
      template.convertAndSend(channel, GSON.toJson(event));
    }

    @Override
    public void close() {
      container.stop();
      executor.shutdown();
    }
  }

  /** One connection for subscriptions and one for what is published. */
  record OfLettuce(
      StatefulRedisPubSubConnection<String, String> subscriber,
      RedisCommands<String, String> publisher,
      Map<String, Consumer<Event>> handlers)
      implements Receiver {

    static OfLettuce over(RedisClient client) {
      OfLettuce receiver =
          new OfLettuce(client.connectPubSub(), client.connect().sync(), new ConcurrentHashMap<>());
      receiver.subscriber.addListener(
          new RedisPubSubAdapter<>() {
            @Override
            public void message(String channel, String json) {
              receiver.handlers.get(channel).accept(GSON.fromJson(json, Event.class));
            }
          });
      return receiver;
    }

    @Override
    public void subscribe(String channel, Consumer<Event> handler) {
      handlers.put(channel, handler);
      subscriber.sync().subscribe(channel);
    }

    @Override
    public void publish(String channel, Event event) {
      publisher.publish(channel, GSON.toJson(event));
    }

    @Override
    public void close() {
      subscriber.close();
    }
  }
}
