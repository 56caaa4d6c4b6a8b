package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;

/** What is done to the network and the servers, as random numbers choose. */
final class Faults {

  static final String FAULT = "fault";

  private static final List<String> COMMANDS =
      List.of(
          "EVALSHA", "EVALSHA", "EVALSHA", "SET", "GET", "PUBLISH", "XADD", "XREADGROUP", "BLPOP");

  private static final List<List<FaultProxy.Direction>> WAYS =
      List.of(
          List.of(FaultProxy.Direction.TO_SERVER, FaultProxy.Direction.TO_CLIENT),
          List.of(FaultProxy.Direction.TO_SERVER),
          List.of(FaultProxy.Direction.TO_CLIENT));

  private final PrivateRedis servers;
  private final FaultProxy proxy;
  private final List<TestRedis> clients;
  private final List<String> keys;
  private final Recorder recorder;

  Faults(
      PrivateRedis servers,
      FaultProxy proxy,
      List<TestRedis> clients,
      List<String> keys,
      Recorder recorder) {
    this.servers = servers;
    this.proxy = proxy;
    this.clients = clients;
    this.keys = keys;
    this.recorder = recorder;
  }

  private interface Step {
    void take() throws InterruptedException;
  }

  private void tell(String what, Step step) throws InterruptedException {
    long begin = System.nanoTime();
    try {
      step.take();
      recorder.add(FAULT, what, "", begin, System.nanoTime());
    } catch (JedisException e) {
      // It met another fault, as a server that is just being killed.
      recorder.add(FAULT, "half of a " + what, e.toString(), begin, System.nanoTime());
    }
  }

  /** The same of the network, which is healed in the end. */
  private void disturb(String what, Step step) throws InterruptedException {
    try {
      tell(what, step);
    } finally {
      proxy.heal();
    }
  }

  /** The same if it may lose data. */
  private void lose(String what, Step step) throws InterruptedException {
    long begin = System.nanoTime();
    try {
      tell(what, step);
    } finally {
      awaitSettled();
      recorder.add(Losses.KIND, what, "", begin, System.nanoTime());
    }
  }

  private static void pass(SplittableRandom random, int leastMillis, int mostMillis)
      throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep(random.nextInt(leastMillis, mostMillis));
  }

  /** Disturbs the way of those who go through the proxy, for a while. */
  void disturbNetwork(SplittableRandom random) throws InterruptedException {
    switch (random.nextInt(8)) {
      case 0 -> disturb("cut", proxy::cut);
      case 1, 2 -> {
        String command = COMMANDS.get(random.nextInt(COMMANDS.size()));
        FaultProxy.Then then = random.nextBoolean() ? FaultProxy.Then.CUT : FaultProxy.Then.SILENCE;
        int nth = random.nextInt(1, 15);
        disturb(
            "lost reply to " + command + ", then " + then,
            () -> {
              FaultProxy.Loss loss = proxy.loseReply(command, nth, then);
              long begin = System.nanoTime();
              while (!loss.happened() && System.nanoTime() - begin < 2_000_000_000L) {
                TimeUnit.MILLISECONDS.sleep(10);
              }
            });
      }
      case 3 -> {
        List<FaultProxy.Direction> ways = WAYS.get(random.nextInt(WAYS.size()));
        disturb(
            "black hole " + ways,
            () -> {
              proxy.blackHole(ways.toArray(FaultProxy.Direction[]::new));
              pass(random, 200, 4000);
            });
      }
      case 4 ->
          disturb(
              "refusal",
              () -> {
                proxy.refuse();
                pass(random, 100, 2000);
              });
      case 5 ->
          disturb(
              "latency",
              () -> {
                proxy.latency(Duration.ofMillis(random.nextInt(5, 300)));
                pass(random, 500, 3000);
              });
      case 6 -> {
        TestRedis killed = clients.get(random.nextInt(clients.size()));
        disturb("CLIENT KILL normal", () -> killed.killClients("normal"));
      }
      default -> {
        TestRedis killed = clients.get(random.nextInt(clients.size()));
        disturb("CLIENT KILL pubsub", () -> killed.killClients("pubsub"));
      }
    }
  }

  /** Disturbs the servers, and waits until they are as they should. */
  void disturbServers(SplittableRandom random) throws InterruptedException {
    String key = keys.get(random.nextInt(keys.size()));
    int millis = random.nextInt(100, 1200);
    switch (random.nextInt(7)) {
      case 0, 1 -> tell("SCRIPT FLUSH", this::flushScripts);
      case 2 ->
          tell(
              "full memory",
              () -> {
                servers.exhaustMemory();
                try {
                  TimeUnit.MILLISECONDS.sleep(millis);
                } finally {
                  servers.restoreMemory();
                }
              });
      case 3 ->
          tell(
              "pause",
              () -> {
                RedisServer primary = servers.primaryOf(key);
                primary.pause();
                try {
                  TimeUnit.MILLISECONDS.sleep(millis);
                } finally {
                  primary.resume();
                }
              });
      default -> {
        switch (topology()) {
          case STANDALONE ->
              tell(
                  "kill with AOF",
                  () -> {
                    RedisServer server = servers.servers().get(0);
                    server.kill();
                    TimeUnit.MILLISECONDS.sleep(millis);
                    server.start();
                  });
          case SENTINEL -> failOver(random, key);
          case CLUSTER -> {
            if (random.nextBoolean()) {
              moveSlot(random, key);
            } else {
              failOver(random, key);
            }
          }
        }
      }
    }
    awaitSettled();
  }

  private Topology topology() {
    return servers.redis().topology();
  }

  private void flushScripts() {
    for (HostAndPort primary : servers.redis().primaries()) {
      try (Jedis jedis = servers.redis().open(primary)) {
        jedis.scriptFlush();
      }
    }
  }

  private void failOver(SplittableRandom random, String key) throws InterruptedException {
    if (random.nextBoolean()) {
      lose("failover", () -> servers.failOver(key));
      return;
    }
    lose(
        "failover after a kill",
        () -> {
          servers.awaitReplicated(key);
          RedisServer primary = servers.primaryOf(key);
          primary.kill();
          try {
            servers.awaitFailover(key, primary.address());
          } finally {
            primary.start();
          }
        });
  }

  private void moveSlot(SplittableRandom random, String key) throws InterruptedException {
    tell(
        "slot move of " + key,
        () -> {
          SlotMove move = servers.beginMoveOfSlot(key);
          pass(random, 10, 500);
          move.moveKeys();
          pass(random, 10, 500);
          move.finish();
        });
  }

  /** Waits until every server is a primary or the replica of one, as everybody else thinks. */
  void awaitSettled() throws InterruptedException {
    long begin = System.nanoTime();
    while (!isSettled()) {
      if (System.nanoTime() - begin > TimeUnit.MINUTES.toNanos(3)) {
        throw new IllegalStateException("the servers do not settle");
      }
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  private boolean isSettled() {
    try {
      List<HostAndPort> primaries = servers.redis().primaries();
      for (HostAndPort node : servers.redis().nodes()) {
        try (Jedis jedis = servers.redis().open(node)) {
          String replication = jedis.info("replication");
          if (primaries.contains(node) != replication.contains("role:master")
              || replication.contains("master_link_status:down")) {
            return false;
          }
          if (topology() == Topology.CLUSTER && !jedis.clusterInfo().contains("cluster_state:ok")) {
            return false;
          }
        }
      }
      return true;
    } catch (JedisException e) {
      return false; // not all are back
    }
  }

  /** Notes failovers that nobody has asked for, as on a busy machine, until it is interrupted. */
  void watch() throws InterruptedException {
    List<HostAndPort> before = primaries(List.of());
    long seen = System.nanoTime();
    while (true) {
      TimeUnit.MILLISECONDS.sleep(200);
      List<HostAndPort> now = primaries(before);
      if (!before.isEmpty() && !now.equals(before)) {
        long begin = seen - TimeUnit.SECONDS.toNanos(3);
        awaitSettled();
        now = primaries(now);
        recorder.add(Losses.KIND, "another primary was seen", "", begin, System.nanoTime());
      }
      before = now;
      seen = System.nanoTime();
    }
  }

  private List<HostAndPort> primaries(List<HostAndPort> before) {
    try {
      List<HostAndPort> primaries = new ArrayList<>(servers.redis().primaries());
      primaries.sort(Comparator.comparing(HostAndPort::toString));
      return primaries;
    } catch (JedisException e) {
      return before; // nobody can tell
    }
  }
}
