package com.example.app;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.RedisTest;
import io.github.redistoolkit.testing.TestRedis;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

@RedisTest
class LimiterTest {

  @Test
  void aWindowEndsThoughTheReplyToItsFirstRequestWasLost(
      FaultProxy network, UnifiedJedis client, TestRedis redis) throws InterruptedException {
    Limiter limiter = new Limiter(client, 10, 60);
    FaultProxy.Loss loss = network.loseReply("eval", 1, FaultProxy.Then.CUT);
    assertThrows(JedisConnectionException.class, () -> limiter.tryAcquire("ann"));
    loss.await(); // Redis has counted the request
    assertTrue(limiter.tryAcquire("ann"));
    assertTrue(redis.admin().ttl("ann") > 0, "the window of ann never ends");
  }
}
