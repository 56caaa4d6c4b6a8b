package io.github.redistoolkit.lock;

import java.util.function.LongConsumer;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.SetParams;

/** Something that lets one caller at a time do its work, or claims to. */
interface Mutex {

  /** Does the work under the lock, with the fencing token. */
  void exclusively(LongConsumer work) throws Exception;

  /**
   * What is written in a hurry: looks whether the lock is free and then takes it, and gives back
   * whatever is there.
   */
  record Naive(UnifiedJedis client, String key) implements Mutex {

    @Override
    public void exclusively(LongConsumer work) {
      while (client.exists(key)) {
        Thread.onSpinWait();
      }
      client.set(key, "held", SetParams.setParams().px(30_000));
      try {
        work.accept(System.nanoTime());
      } finally {
        client.del(key);
      }
    }
  }
}
