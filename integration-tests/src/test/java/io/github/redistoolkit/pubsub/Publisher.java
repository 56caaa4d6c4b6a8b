package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.testing.TestRedis;
import java.util.function.IntFunction;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;

/** Publishes much at once, apart from what is tested. */
final class Publisher {

  private static final int BATCH = 1000;

  private Publisher() {}

  /** Publishes the texts for 0 to count - 1, in order and in batches. */
  static void flood(TestRedis redis, String channel, int count, IntFunction<String> text) {
    try (Jedis jedis = new Jedis(redis.address());
        Pipeline pipeline = jedis.pipelined()) {
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
