package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Servers end with the JVM that has started them, however it does. */
@LeavesServerAlone
@Tag("bed")
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class ServerLifetimeIT {

  private final TestRedis redis;

  ServerLifetimeIT(TestRedis redis) {
    this.redis = redis;
  }

  /** Starts servers, says where, and waits for its end. */
  static final class Starting {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      PrivateRedis servers = child.redis().privateServers();
      List<RedisServer> all = new ArrayList<>(servers.servers());
      all.addAll(servers.sentinels());
      for (RedisServer server : all) {
        child.send(server.address().toString());
      }
      try (Jedis jedis = new Jedis(servers.servers().get(0).address())) {
        child.send("in " + jedis.configGet("dir").get("dir"));
      }
      child.send(child.receive());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "KILL"}) // Ctrl-C is to a JVM what TERM is
  void noServerOutlivesTheJvmThatStartedIt(String signal) throws Exception {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Starting.class)) {
      List<HostAndPort> servers = new ArrayList<>();
      String line = jvms.get(0).receive();
      while (!line.startsWith("in ")) {
        servers.add(HostAndPort.from(line));
        line = jvms.get(0).receive();
      }
      assertThat(servers.stream().allMatch(ServerLifetimeIT::isThere), is(true));
      String pid = String.valueOf(jvms.get(0).pid());
      assertThat(new ProcessBuilder("kill", "-" + signal, pid).start().waitFor(), is(0));
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> servers.stream().noneMatch(ServerLifetimeIT::isThere));
      if (signal.equals("TERM")) {
        Path directory = Path.of(line.substring("in ".length()));
        Awaitility.await().until(() -> !Files.exists(directory));
      }
    }
  }

  private static boolean isThere(HostAndPort server) {
    try (Jedis jedis = new Jedis(server)) {
      return jedis.ping() != null;
    } catch (JedisConnectionException e) {
      return false;
    }
  }
}
