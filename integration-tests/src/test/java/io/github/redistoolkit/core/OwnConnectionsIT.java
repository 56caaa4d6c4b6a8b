package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.exceptions.JedisConnectionException;

@LeavesServerAlone
@EachClient
@Tag("smoke")
class OwnConnectionsIT {

  private final TestRedis redis;

  OwnConnectionsIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void opensAConnectionThatTakesNoSlotOfThePool() throws Exception {
    try (TestRedis single = redis.withMaxTotal(1)) {
      RedisAccess connections = CoreAccess.of(single);
      Opened first = connections.open(1000);
      Opened second = connections.open(1000);
      assertThat(first.connection().ping(), is(true));
      assertThat(second.connection().ping(), is(true));
      assertThat(connections.isCurrent(first), is(true));
      assertThat(single.borrowed(), is(0));
      first.connection().forceDisconnect();
      second.connection().forceDisconnect();
    }
  }

  @Test
  void tellsThatThePoolOrClientIsClosed() {
    RedisAccess connections;
    try (TestRedis other = redis.withMaxTotal(1)) {
      connections = CoreAccess.of(other);
      assertThat(connections.isClosed(), is(false));
    }
    assertThat(connections.isClosed(), is(true));
  }

  @Test
  void throwsWhereNobodyListens() {
    try (TestRedis nowhere = redis.at(new HostAndPort("127.0.0.1", 1))) {
      assertThrows(JedisConnectionException.class, () -> CoreAccess.of(nowhere).open(1000));
    }
  }
}
