package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;

@Tag("bed")
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class FailoverIT {

  private final PrivateRedis servers;
  private final String key;

  FailoverIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.key = shared.unique("key");
  }

  @Test
  void aFailoverMakesTheReplicaThePrimary() {
    servers.awaitWritable(key);
    HostAndPort before = servers.primaryOf(key).address();
    servers.failOver(key);
    assertThat(servers.primaryOf(key).address(), is(not(before)));
    servers.awaitWritable(key);
  }

  @Test
  void whenThePrimaryCrashesTheReplicaTakesOver() {
    servers.awaitWritable(key);
    RedisServer crashed = servers.primaryOf(key);
    crashed.kill();
    servers.awaitFailover(key, crashed.address());
    servers.awaitWritable(key);
    crashed.start();
    Layout.awaitTrue(
        crashed,
        "follows",
        jedis ->
            jedis.info("replication").contains("role:slave")
                && jedis.info("replication").contains("master_link_status:up"));
  }

  @Test
  void noServerIsLetLoadForLong() {
    assertThrows(
        IllegalStateException.class, () -> servers.restartLoadingFor(Duration.ofSeconds(1)));
  }
}
