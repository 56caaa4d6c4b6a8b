package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientType;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.params.ClientKillParams;

/** A connection that is alive, but where nobody publishes any more. */
@EachClient
class PubSubAstrayIT extends PubSubSuite {

  private static final Duration HEARTBEAT = Duration.ofSeconds(1);

  private final TestRedis shared;
  private final PrivateRedis servers;

  PubSubAstrayIT(TestRedis shared) {
    super(shared);
    this.shared = shared;
    this.servers = shared.privateServers();
  }

  @Test
  @Proves("pub-sub.loss-told")
  void leavesAServerThatTheAddressNoLongerLeadsToAndReportsTheGapSinceItCouldHave()
      throws Exception {
    try (Detour detour = new Detour(servers.servers().get(0).address());
        TestRedis client = shared.at(detour.address());
        RedisPubSub pubSub = builder(client).heartbeat(HEARTBEAT).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      pubSub.publish(channel, 1);
      Wire.await("received").until(() -> kept, contains(1));
      assertThat("it publishes where it is subscribed", wire.connections(), is(empty()));

      detour.leadTo(shared.address());
      endOthersAtTheOldServer();
      long astray = System.nanoTime();
      Wire.await("published, once the pool has a new connection")
          .ignoreException(JedisConnectionException.class)
          .until(() -> pubSub.publish(channel, 2), is(0L));
      assertThat("it is still there, and lives", pubSub.isConnected(), is(true));

      Wire.await("noticed").atMost(Duration.ofSeconds(30)).until(() -> recorder.gaps.size() == 1);
      assertThat(recorder.causes.get(0).getMessage(), containsString("probe"));
      assertThat(
          recorder.gaps.get(0).toMillis(),
          is(greaterThanOrEqualTo(TimeUnit.NANOSECONDS.toMillis(recorder.backNanos - astray))));
      pubSub.publish(channel, 3);
      Wire.await("received").until(() -> kept, contains(1, 3));
    }
  }

  /** So that the pool makes new ones, which go to the new server. */
  private void endOthersAtTheOldServer() {
    try (Jedis jedis = servers.redis().open(servers.servers().get(0).address())) {
      long unused =
          jedis.clientKill(
              ClientKillParams.clientKillParams()
                  .type(ClientType.NORMAL)
                  .skipMe(ClientKillParams.SkipMe.YES));
    }
  }
}
