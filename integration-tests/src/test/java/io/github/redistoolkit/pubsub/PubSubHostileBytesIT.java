package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

/**
 * What strangers publish: it is delivered or counted as undecodable, and neither ends a
 * subscription nor floods or forges the log.
 */
@EachClient(topologies = Topology.STANDALONE)
class PubSubHostileBytesIT extends PubSubSuite {

  private static final int CASES = Matrix.size(5_000, 100_000);

  private final Random random = new Random(25);

  PubSubHostileBytesIT(TestRedis redis) {
    super(redis);
  }

  record Payment(String card, int amount) {}

  @Test
  void randomAndMutatedPayloadsOnEachChannelThatIsReadAreDeliveredOrCounted() {
    List<Payment> received = new CopyOnWriteArrayList<>();
    try (CapturedLog log = new CapturedLog();
        RedisPubSub pubSub =
            redis.<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder).build()) {
      Subscription exact =
          pubSub.subscribe(channel, Payment.class, message -> received.add(message.body()));
      Subscription pattern =
          pubSub.subscribePattern(channel + ":*", Payment.class, m -> received.add(m.body()));
      List<String> probes = wire.channels("redis-toolkit:probe:*");
      for (int i = 0; i < CASES; i++) {
        String target =
            switch (random.nextInt(4)) {
              case 0 -> channel + ":\n2026-01-01 00:00:00 ERROR forged \u001B[2J" + i;
              case 1 -> probes.isEmpty() ? channel : probes.get(0);
              default -> channel;
            };
        long unused = redis.admin().publish(target.getBytes(UTF_8), payload());
      }
      redis.admin().publish(channel, "{\"card\":\"last\",\"amount\":1}");
      Wire.await("the last").until(() -> received.contains(new Payment("last", 1)));
      assertThat(exact.isActive(), is(true));
      assertThat(pattern.isActive(), is(true));
      assertThat(pubSub.isConnected(), is(true));
      assertThat(exact.undecodable() + pattern.undecodable(), is(greaterThan(CASES / 10L)));
      assertThat(log.text(), not(containsString("4111111111111111")));
      assertThat(log.text(), not(containsString("\n2026-01-01 00:00:00 ERROR forged")));
      assertThat(log.text(), not(containsString("\u001B")));
      assertThat(log.text().lines().count(), is(lessThan(100L)));
    }
  }

  private byte[] payload() {
    if (random.nextInt(3) == 0) {
      byte[] noise = new byte[random.nextInt(200)];
      random.nextBytes(noise);
      return noise;
    }
    byte[] json = "{\"card\":\"4111111111111111\",\"amount\":17}".getBytes(UTF_8);
    for (int i = random.nextInt(4); i > 0; i--) {
      json[random.nextInt(json.length)] = (byte) random.nextInt();
    }
    return random.nextInt(4) == 0 ? Arrays.copyOf(json, random.nextInt(json.length)) : json;
  }
}
