package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.in;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.UnifiedJedis;

/** A Cluster all of whose nodes have got new addresses, while the name it is found by stayed. */
@Tag("integration")
class MovedClusterIT {

  private static final HostAndPort NAME = new HostAndPort("cluster", 6379);

  @Test
  void aClientThatRunsNoCommandsConnectsToWhereTheNameLeadsNow() {
    try (TestRedis shared = TestRedis.of(ClientKind.CLUSTER)) {
      List<RedisServer> before = shared.privateServers("maxclients 900").servers();
      PrivateRedis after = shared.privateServers("maxclients 800");
      AtomicReference<HostAndPort> leadsTo = new AtomicReference<>(before.get(0).address());
      try (UnifiedJedis client = clientOf(leadsTo)) {
        RedisAccess redis = RedisAccess.of(client);
        redis.open(1000).disconnect();
        before.forEach(RedisServer::kill);
        leadsTo.set(after.servers().get(0).address());

        RedisAccess.Opened opened = redis.open(1000);

        List<String> nodes =
            after.servers().stream().map(server -> server.address().toString()).toList();
        assertThat(opened.node(), is(in(nodes)));
        assertThat(redis.isCurrent(opened), is(true));
        assertThat(opened.connection().ping(), is(true));
        opened.disconnect();
      } finally {
        before.forEach(RedisServer::start);
      }
    }
  }

  private static UnifiedJedis clientOf(AtomicReference<HostAndPort> leadsTo) {
    return RedisClusterClient.builder()
        .nodes(Set.of(NAME))
        .clientConfig(
            DefaultJedisClientConfig.builder()
                .hostAndPortMapper(node -> node.equals(NAME) ? leadsTo.get() : node)
                .build())
        .poolConfig(new ConnectionPoolConfig())
        .build();
  }
}
