package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.testcontainers.DockerClientFactory;
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

  /** Starts servers, says at which addresses and in what, and waits for its end. */
  static final class Starting {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      PrivateRedis servers = child.redis().privateServers();
      List<RedisServer> all = new ArrayList<>(servers.servers());
      all.addAll(servers.sentinels());
      for (RedisServer server : all) {
        child.send(server.address().toString());
      }
      child.send("in " + place(servers.servers().get(0)));
      child.send(child.receive());
    }

    /** What {@link #exists} asks for: the label of this JVM's containers, or the directory. */
    private static String place(RedisServer server) {
      if (SharedRedis.backend() instanceof Backend.Containers) {
        return DockerClientFactory.SESSION_ID;
      }
      try (Jedis jedis = new Jedis(server.address())) {
        return jedis.configGet("dir").get("dir");
      }
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
      String place = line.substring("in ".length());
      assertThat(servers.stream().allMatch(ServerLifetimeIT::isThere), is(true));
      assertThat(exists(place), is(true));
      String pid = String.valueOf(jvms.get(0).pid());
      assertThat(new ProcessBuilder("kill", "-" + signal, pid).start().waitFor(), is(0));
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> servers.stream().noneMatch(ServerLifetimeIT::isThere));
      // Who is killed leaves its files behind.
      if (signal.equals("TERM") || SharedRedis.backend() instanceof Backend.Containers) {
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> !exists(place));
      }
    }
  }

  private static boolean exists(String place) {
    return SharedRedis.backend() instanceof Backend.Containers
        ? !DockerClientFactory.lazyClient()
            .listContainersCmd()
            .withShowAll(true)
            .withLabelFilter(Map.of(DockerClientFactory.TESTCONTAINERS_SESSION_ID_LABEL, place))
            .exec()
            .isEmpty()
        : Files.exists(Path.of(place));
  }

  private static boolean isThere(HostAndPort server) {
    try (Jedis jedis = new Jedis(server)) {
      return jedis.ping() != null;
    } catch (JedisConnectionException e) {
      return false;
    }
  }
}
