package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.testing.TestRedis;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;

/**
 * Publishes apart from what is tested, and by one connection: that orders messages in a Cluster
 * too, where a client publishes now here and now there.
 */
final class Publisher {

  private static final int BATCH = 1000;
  private static final int REPLY_MILLIS = 20_000;

  private Publisher() {}

  /** Publishes the payloads in order. */
  static void publish(TestRedis redis, String channel, byte[]... payloads) {
    try (Jedis jedis = redis.open(redis.address())) {
      for (byte[] payload : payloads) {
        jedis.publish(channel.getBytes(UTF_8), payload);
      }
    }
  }

  /** Publishes JSON in order. */
  static void publish(TestRedis redis, String channel, String... json) {
    publish(
        redis,
        channel,
        Arrays.stream(json).map(text -> text.getBytes(UTF_8)).toArray(byte[][]::new));
  }

  /** Publishes the same JSON to each channel. */
  static void publishTo(TestRedis redis, List<String> channels, String json) {
    try (Jedis jedis = redis.open(redis.address())) {
      channels.forEach(channel -> jedis.publish(channel, json));
    }
  }

  /** Publishes the texts for 0 to count - 1, in order and in batches. */
  static void flood(TestRedis redis, String channel, int count, IntFunction<String> text) {
    try (Jedis jedis = redis.open(redis.address());
        Pipeline pipeline = jedis.pipelined()) {
      jedis.getConnection().setSoTimeout(REPLY_MILLIS);
      for (int i = 0; i < count; i++) {
        pipeline.publish(channel, text.apply(i));
        if (i % BATCH == BATCH - 1) {
          pipeline.sync();
        }
      }
      pipeline.sync();
    }
  }
}
