package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisAskDataException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

@Tag("bed")
@EachClient(topologies = Topology.CLUSTER)
class SlotMoveIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final UnifiedJedis client;
  private final String key;

  SlotMoveIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.client = redis.client();
    this.key = redis.unique("key");
  }

  @Test
  void aSlotMovesWhileItIsInUse() {
    servers.awaitWritable(key);
    HostAndPort source = servers.primaryOf(key).address();
    SlotMove move = servers.beginMoveOfSlot(key);
    move.moveKeys();
    try (Jedis jedis = new Jedis(source)) {
      assertThrows(JedisAskDataException.class, () -> jedis.get(key));
      assertThat(client.get(key), is("value"));
      move.finish();
      assertThrows(JedisMovedDataException.class, () -> jedis.get(key));
    }
    assertThat(client.get(key), is("value"));
    assertThat(servers.primaryOf(key).address(), is(move.target()));
  }
}
