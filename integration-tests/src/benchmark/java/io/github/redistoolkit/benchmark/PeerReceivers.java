package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import io.github.redistoolkit.benchmark.Receiver.Event;
import io.github.redistoolkit.core.Json;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.redisson.api.RTopic;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
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

  static Receiver redisson(Access access, String channel, Consumer<Event> handler) {
    RTopic topic = Peers.redisson(access).getTopic(channel, Peers.jsonCodec(Event.class));
    topic.addListener(Event.class, (name, event) -> handler.accept(event));
    return new OfPeer(topic::publish, topic::removeAllListeners);
  }

  static Receiver spring(Access access, String channel, Consumer<Event> handler) {
    RedisConnectionFactory connections = Peers.spring(access);
    ExecutorService executor = Executors.newSingleThreadExecutor();
    RedisMessageListenerContainer container = new RedisMessageListenerContainer();
    container.setConnectionFactory(connections);
    container.setTaskExecutor(executor);
    // Jedis blocks the thread that subscribes.
    container.setSubscriptionExecutor(new SimpleAsyncTaskExecutor("spring-subscriber-"));
    container.addMessageListener(
        (message, pattern) -> handler.accept(decoded(message.getBody())),
        new ChannelTopic(channel));
    container.afterPropertiesSet();
    container.start();
    StringRedisTemplate template = new StringRedisTemplate(connections);
    return new OfPeer(
        event -> template.convertAndSend(channel, GSON.toJson(event)),
        () -> {
          container.stop();
          executor.shutdown();
        });
  }

  private static Event decoded(byte[] json) {
    return GSON.fromJson(new String(json, StandardCharsets.UTF_8), Event.class);
  }

  static Receiver lettuce(Access access, String channel, Consumer<Event> handler) {
    RedisClient client = Peers.lettuce(access);
    StatefulRedisPubSubConnection<String, String> subscriber = client.connectPubSub();
    subscriber.addListener(
        new RedisPubSubAdapter<>() {
          @Override
          public void message(String name, String json) {
            handler.accept(GSON.fromJson(json, Event.class));
          }
        });
    subscriber.sync().subscribe(channel);
    RedisCommands<String, String> publisher = client.connect().sync();
    return new OfPeer(event -> publisher.publish(channel, GSON.toJson(event)), subscriber::close);
  }

  /** How a peer publishes and ends; its client ends with the access. */
  private record OfPeer(Consumer<Event> publisher, Runnable ending) implements Receiver {

    @Override
    public void publish(Event event) {
      publisher.accept(event);
    }

    @Override
    public void close() {
      ending.run();
    }
  }
}
