package io.github.redistoolkit.testing;

import io.github.redistoolkit.testing.Deployment.SlotRange;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/**
 * Servers that one suite has for itself, so that it may disturb them as it likes.
 *
 * <p>Each {@link RedisServer} can be stopped, killed, paused and started; here is what takes more
 * than one of them, or more than a signal. The servers stay from test to test of the class, with
 * the settings that they had at first; a test that fails, or leaves one of them stopped or paused,
 * gives the next test new ones.
 *
 * <p>Disturb them from one thread at a time; any number may use their clients meanwhile. What waits
 * gives up after a minute.
 */
public final class PrivateRedis {

  private static final ProtocolCommand SENTINEL = Layout.command("SENTINEL");

  /** Both a replica that was told to take over and a sentinel give up after five seconds. */
  private static final Duration MANUAL_FAILOVER = Duration.ofSeconds(6);

  private static final int LOADED_KEYS = 5000;
  private static final int LOADED_DATABASE = 15;

  private final StartedRedis started;
  private final Deployment deployment;
  private final TestRedis redis;

  /** What settings were before they were changed, to be restored for the next test. */
  private final Map<RedisServer, Map<String, String>> changed = new LinkedHashMap<>();

  private PrivateRedis(StartedRedis started, ClientKind kind) {
    this.started = started;
    this.deployment = started.deployment();
    this.redis = TestRedis.of(kind, deployment);
  }

  static PrivateRedis start(ClientKind kind, List<String> settings) {
    StartedRedis started = StartedRedis.start(SharedRedis.backend(), kind.topology(), settings);
    try {
      return new PrivateRedis(started, kind);
    } catch (RuntimeException e) {
      started.close();
      throw e;
    }
  }

  /**
   * These servers, reached by the suite's kind of client.
   *
   * @return closed with the servers
   */
  public TestRedis redis() {
    return redis;
  }

  /**
   * Every server that holds data.
   *
   * @return primaries and replicas; the first began as a primary
   */
  public List<RedisServer> servers() {
    return started.servers();
  }

  /**
   * Every sentinel.
   *
   * @return three, or none unless the topology is {@link Topology#SENTINEL}
   */
  public List<RedisServer> sentinels() {
    return started.sentinels();
  }

  /**
   * Waits until the suite's kind of client can write this key, as it can before any disturbance.
   *
   * @param key what is written, and stays
   * @throws IllegalStateException if it cannot within a minute
   */
  public void awaitWritable(String key) {
    UnifiedJedis client = redis.client();
    Await.that("writing through " + redis)
        .ignoring(JedisException.class)
        .every(Duration.ofMillis(50))
        .until(() -> client.set(key, "value").equals("OK"));
  }

  /**
   * Waits until a replica has all that was written to a key's primary up to now. In a Cluster the
   * primary lists it then, without which it can not take over.
   *
   * @param key one of the primary's keys; a key beside it, in the same slot, is written and expires
   * @throws IllegalStateException if none has within a minute
   */
  public void awaitReplicated(String key) {
    String probe = key.contains("{") ? key + ":probe" : "{" + key + "}:probe";
    Await.that("a replica has what the primary of " + key + " has")
        .every(Duration.ofMillis(50))
        .ignoring(JedisException.class)
        .until(
            () -> {
              HostAndPort primary = primaryOf(key).address();
              try (Jedis jedis = redis.open(primary)) {
                jedis.set(probe, "", SetParams.setParams().px(60_000));
                return jedis.waitReplicas(1, 500) > 0
                    && (deployment.topology() != Topology.CLUSTER
                        || replicaOf(key, primary) != null);
              }
            });
  }

  /**
   * The server where a key is written at this moment.
   *
   * @param key which decides on the primary in a Cluster
   * @return its primary
   * @throws JedisException if no server can tell
   */
  public RedisServer primaryOf(String key) {
    return serverAt(deployment.primaryOf(key));
  }

  private RedisServer serverAt(HostAndPort address) {
    return servers().stream()
        .filter(server -> server.address().equals(address))
        .findFirst()
        .orElseThrow();
  }

  /**
   * Makes the replica of a key's primary the primary, as an administrator would, and waits until
   * everyone knows.
   *
   * @param key which decides on the primary in a Cluster
   * @throws IllegalStateException if there is no replica
   * @throws JedisException if no server answers
   */
  public void failOver(String key) {
    if (deployment.topology() == Topology.STANDALONE) {
      throw new IllegalStateException("a single server has no replica");
    }
    HostAndPort before = deployment.primaryOf(key);
    do {
      replace(key, before);
      awaitFailover(key, before);
      // On a busy machine a sentinel that hears of it late may have put the old primary back.
    } while (deployment.primaryOf(key).equals(before));
  }

  /**
   * Asks for another primary, and asks again if there is none after a while. On a busy machine
   * sentinels give up what they began, and while one failover is under way they refuse the next. A
   * Cluster does either soon after the last failover: nodes vote only once in two node timeouts for
   * a replica of the same primary; and one that was itself elected a moment ago counts the old
   * votes once more, takes over in an epoch that is past, and is put back by the others.
   */
  private void replace(String key, HostAndPort before) {
    Await.that("a replica of the primary at " + before + " takes over")
        .ignoring(JedisException.class) // one is on its way
        .until(
            () -> {
              if (deployment.topology() == Topology.SENTINEL) {
                askSentinelsIfNoneKnows(key, before);
              } else if (!askReplica(key, before)) {
                return isReplaced(key, before);
              }
              return isReplacedInTime(key, before);
            });
  }

  /** One that knows of another primary already would go back to this one. */
  private void askSentinelsIfNoneKnows(String key, HostAndPort before) {
    if (sentinels().stream()
        .filter(RedisServer::isRunning)
        .noneMatch(sentinel -> knowsAnotherPrimary(sentinel, key, before))) {
      deployment.askAnyOf(
          deployment.sentinels(),
          sentinel -> sentinel.sendCommand(SENTINEL, "FAILOVER", Deployment.PRIMARY_NAME));
    }
  }

  /** Asks the one that follows, if there is one at the moment. */
  private static boolean askReplica(String key, HostAndPort primary) {
    HostAndPort replica = replicaOf(key, primary);
    if (replica == null) {
      return false;
    }
    try (Jedis jedis = new Jedis(replica)) {
      jedis.clusterFailover();
    }
    return true;
  }

  private boolean isReplacedInTime(String key, HostAndPort before) throws InterruptedException {
    long start = System.nanoTime();
    while (System.nanoTime() - start < MANUAL_FAILOVER.toNanos()) {
      if (isReplaced(key, before)) {
        return true;
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
    return false;
  }

  private boolean isReplaced(String key, HostAndPort before) {
    return knowing().stream().allMatch(server -> knowsAnotherPrimary(server, key, before));
  }

  /** Those that clients ask for the primary. */
  private List<RedisServer> knowing() {
    return deployment.topology() == Topology.SENTINEL ? sentinels() : servers();
  }

  /**
   * The replica that follows a key's primary, or null if there is none at the moment, as after a
   * change.
   */
  private static @Nullable HostAndPort replicaOf(String key, HostAndPort primary) {
    try (Jedis jedis = new Jedis(primary)) {
      List<HostAndPort> nodes = SlotRange.ofKey(jedis, key).nodes();
      if (nodes.size() < 2 || !nodes.get(0).equals(primary)) {
        return null;
      }
      try (Jedis replica = new Jedis(nodes.get(1))) {
        return replica.info("replication").contains("master_link_status:up") ? nodes.get(1) : null;
      }
    }
  }

  /**
   * Waits until a key has another primary than this, which everyone alive knows.
   *
   * @param key which decides on the primary in a Cluster
   * @param before where the former primary listens
   * @throws IllegalStateException if it takes more than a minute
   */
  public void awaitFailover(String key, HostAndPort before) {
    for (RedisServer server : knowing()) {
      Await.that("the server at " + server + " knows another primary than " + before)
          .until(() -> knowsAnotherPrimary(server, key, before));
    }
    // Asked for each time: on a busy machine the next failover may follow at once.
    Await.that("the primary of " + key + " says that it is one")
        .ignoring(JedisException.class)
        .until(() -> isPrimary(primaryOf(key)));
    Fault.FAILOVER.happened();
  }

  private static boolean isPrimary(RedisServer server) {
    try (Jedis jedis = new Jedis(server.address())) {
      return jedis.info("replication").contains("role:master");
    }
  }

  private boolean knowsAnotherPrimary(RedisServer server, String key, HostAndPort before) {
    if (!server.isRunning()) {
      return true;
    }
    try (Jedis jedis = new Jedis(server.address())) {
      HostAndPort known =
          deployment.topology() == Topology.SENTINEL
              ? Deployment.primaryOfSentinel(jedis)
              : SlotRange.ofKey(jedis, key).nodes().get(0);
      return !known.equals(before);
    } catch (JedisException e) {
      return false; // such as while the slot has no primary
    }
  }

  /**
   * Begins to move the slot of a key to another primary; clients are redirected with ASK.
   *
   * @param key any key of the slot
   * @return the steps that are left
   * @throws IllegalStateException if the topology is not {@link Topology#CLUSTER}
   */
  public SlotMove beginMoveOfSlot(String key) {
    if (deployment.topology() != Topology.CLUSTER) {
      throw new IllegalStateException("only a cluster has slots");
    }
    HostAndPort source = deployment.primaryOf(key);
    HostAndPort target =
        deployment.primaries().stream()
            .filter(primary -> !primary.equals(source))
            .findFirst()
            .orElseThrow();
    return SlotMove.begin(key, source, target, deployment);
  }

  /**
   * Moves the slot of a key, with all that is in it, to another primary.
   *
   * @param key any key of the slot
   * @throws IllegalStateException if the topology is not {@link Topology#CLUSTER}
   */
  public void moveSlot(String key) {
    SlotMove move = beginMoveOfSlot(key);
    move.moveKeys();
    move.finish();
  }

  /** Lets every write that may grow the data fail with {@code OOM}. */
  public void exhaustMemory() {
    Fault.OUT_OF_MEMORY.happened();
    configure("maxmemory", "1");
  }

  /** Ends what {@link #exhaustMemory} began. */
  public void restoreMemory() {
    configure("maxmemory", "0");
  }

  /**
   * Changes a setting of every server that holds data, until the test ends.
   *
   * @param setting a name that {@code CONFIG SET} takes
   * @param value its new value
   * @throws JedisException if a server refuses it or does not answer
   */
  public void configure(String setting, String value) {
    for (RedisServer server : servers()) {
      try (Jedis jedis = new Jedis(server.address())) {
        changed
            .computeIfAbsent(server, unchanged -> new LinkedHashMap<>())
            .putIfAbsent(setting, jedis.configGet(setting).get(setting));
        jedis.configSet(setting, value);
      }
    }
  }

  /**
   * Restarts a single server, with its data, so that it answers {@code LOADING} for about so long;
   * returns as soon as it does.
   *
   * @param time about how long; positive
   * @throws IllegalArgumentException if it is not positive
   * @throws IllegalStateException if there are several servers
   */
  public void restartLoadingFor(Duration time) {
    if (time.isZero() || time.isNegative()) {
      throw new IllegalArgumentException("time must be positive, but is " + time);
    }
    if (deployment.topology() != Topology.STANDALONE) {
      throw new IllegalStateException("only for a single server");
    }
    RedisServer server = servers().get(0);
    try (Jedis jedis = new Jedis(server.address())) {
      jedis.select(LOADED_DATABASE);
      jedis.sendCommand(Layout.command("DEBUG"), "POPULATE", String.valueOf(LOADED_KEYS), "loaded");
    }
    server.save();
    server.kill();
    long microsPerKey = TimeUnit.NANOSECONDS.toMicros(time.toNanos()) / LOADED_KEYS;
    server.start(
        List.of(
            "key-load-delay " + microsPerKey,
            // Between that many bytes it looks whether anyone asks.
            "loading-process-events-interval-bytes 1024"));
  }

  /**
   * Lets a server that was restarted to load go on without delay, and waits until it has loaded.
   *
   * @throws IllegalStateException if it has not within a minute
   */
  public void awaitLoaded() {
    RedisServer server = servers().get(0);
    Layout.awaitTrue(
        server, "loads faster", jedis -> jedis.configSet("key-load-delay", "0").equals("OK"));
    Layout.awaitTrue(server, "has loaded", jedis -> jedis.ping().equals("PONG"));
    try (Jedis jedis = new Jedis(server.address())) {
      jedis.select(LOADED_DATABASE);
      jedis.flushDB();
    }
  }

  /** Makes the servers as they were at first, or says that they cannot be used again. */
  boolean isReusable() {
    for (RedisServer server : servers()) {
      if (!restores(server)) {
        return false;
      }
    }
    changed.clear();
    if (!sentinels().stream().allMatch(this::restores)) {
      return false;
    }
    deployment.removeKeys(TestRedis.MARK);
    return true;
  }

  private boolean restores(RedisServer server) {
    if (!server.isRunning()) {
      return false;
    }
    try (Jedis jedis = new Jedis(server.address())) {
      changed.getOrDefault(server, Map.of()).forEach(jedis::configSet);
      return jedis.ping().equals("PONG");
    } catch (JedisException e) {
      return false; // paused, loading, or whatever else the test did to it
    }
  }

  /** Stops everything. */
  void end() {
    redis.close();
    started.close();
  }
}
