package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** What publishing tells where there is one server to ask; in a Cluster see the other suite. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL})
class PubSubPublishIT extends PubSubSuite {

  PubSubPublishIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void tellsToHowManySubscriptionsRedisHandedIt() {
    try (RedisPubSub pubSub = builder().build();
        RedisPubSub other = builder().build()) {
      assertThat(pubSub.publish(channel, 0), is(0L));
      pubSub.subscribe(channel, Integer.class, this::keep);
      pubSub.subscribe(channel, Integer.class, this::keep);
      assertThat(pubSub.publish(channel, 1), is(1L));
      other.subscribePattern(channel + "*", Integer.class, this::keep);
      assertThat(pubSub.publish(channel, 2), is(2L));
      Wire.await("received by each handler").until(() -> kept.size() == 5);
    }
  }

  @Test
  void isNeverRepeatedWhenTheAnswerIsLost() throws Exception {
    try (FaultProxy proxy = redis.proxy();
        TestRedis proxied = redis.through(proxy);
        RedisPubSub pubSub = builder().build();
        RedisPubSub publisher = builder(proxied).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      Loss loss = proxy.loseReply("publish", 1, Then.CUT);
      assertThrows(JedisConnectionException.class, () -> publisher.publish(channel, 1));
      loss.await();
      publisher.publish(channel, 2);
      Wire.await("received").until(() -> kept.contains(2));
      assertThat(kept, contains(1, 2));
    }
  }
}
