package io.github.redistoolkit.testing;

import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.HostAndPortMapper;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * A Redis for one test class, reached by one kind of client.
 *
 * <p>What is tested is built with {@link #over}, on the client of that kind; {@link #admin} looks
 * at the server behind its back.
 */
public final class TestRedis implements AutoCloseable {

  /** Begins every name that this JVM makes, and is in no name that anyone else makes. */
  static final String MARK =
      "t" + Integer.toString(ThreadLocalRandom.current().nextInt(36 * 36 * 36 * 36), 36) + "-";

  private static final AtomicInteger NAMES = new AtomicInteger();

  private final ClientKind kind;
  private final Deployment deployment;
  private final HostAndPortMapper route;
  private final int maxTotal;
  private final Client tested;
  private final Client admin;

  private TestRedis(ClientKind kind, Deployment deployment, HostAndPortMapper route, int maxTotal) {
    this.kind = kind;
    this.deployment = deployment;
    this.route = route;
    this.maxTotal = maxTotal;
    JedisClientConfig config =
        deployment.config().protocol(kind.protocol()).hostAndPortMapper(route).build();
    this.tested = Client.of(kind, deployment, config, maxTotal);
    this.admin = Client.admin(deployment);
  }

  /** A Redis of this run, reached by the given kind of client. */
  public static TestRedis of(ClientKind kind) {
    return of(kind, SharedRedis.of(kind.topology()));
  }

  static TestRedis of(ClientKind kind, Deployment deployment) {
    return new TestRedis(kind, deployment, direct -> direct, 64);
  }

  /** What {@link #decode} makes the same of in another JVM, in one word; routes are not kept. */
  String encode() {
    return kind + "|" + maxTotal + "|" + deployment.encode();
  }

  static TestRedis decode(String text) {
    String[] parts = text.split("\\|", 3);
    return new TestRedis(
        ClientKind.valueOf(parts[0]),
        Deployment.decode(parts[2]),
        direct -> direct,
        Integer.parseInt(parts[1]));
  }

  /** The same servers through a client of the same kind with at most so many connections. */
  public TestRedis withMaxTotal(int connections) {
    return new TestRedis(kind, deployment, route, connections);
  }

  /**
   * The same kind of client, but connecting to another address, such as that of a proxy.
   *
   * @throws IllegalStateException if there are several servers; see {@link #through}
   */
  public TestRedis at(HostAndPort other) {
    if (deployment.topology() != Topology.STANDALONE) {
      throw new IllegalStateException(kind + " connects to several servers; use through(proxy)");
    }
    return new TestRedis(kind, deployment, direct -> other, maxTotal);
  }

  /** The same kind of client, but with a proxy before each server; see {@link #proxy}. */
  public TestRedis through(FaultProxy proxy) {
    return new TestRedis(kind, deployment, proxy::address, maxTotal);
  }

  /** A new proxy before every server that holds data, for {@link #through}. */
  public FaultProxy proxy() {
    return FaultProxy.before(deployment.nodes().toArray(HostAndPort[]::new));
  }

  /** Builds what is to be tested on the pool or the client, whichever this Redis is reached by. */
  public <T> T over(Function<Pool<Jedis>, T> ofPool, Function<UnifiedJedis, T> ofClient) {
    Pool<Jedis> pool = tested.pool();
    return pool != null ? ofPool.apply(pool) : ofClient.apply(tested.client());
  }

  /** A client for looking at the server, apart from what is tested. */
  public UnifiedJedis admin() {
    return admin.client();
  }

  /** Where the server listens; through Sentinel the primary of this moment, in a Cluster one. */
  public HostAndPort address() {
    return route.getHostAndPort(
        deployment.topology() == Topology.STANDALONE
            ? deployment.nodes().get(0)
            : deployment.primaries().get(0));
  }

  /** Every server that takes writes at this moment. */
  public List<HostAndPort> primaries() {
    return deployment.primaries();
  }

  /** A connection to one server, to be closed by the caller. */
  public Jedis open(HostAndPort server) {
    return deployment.open(server);
  }

  /** How the servers are laid out. */
  public Topology topology() {
    return deployment.topology();
  }

  /** How it is reached. */
  public ClientKind kind() {
    return kind;
  }

  /** A name that no other test uses, ending in the given text. */
  public String unique(String text) {
    return MARK + NAMES.incrementAndGet() + ":" + text;
  }

  /**
   * How many commands with this name the primaries have executed so far, as INFO commandstats says.
   */
  public long calls(String command) {
    long calls = 0;
    for (HostAndPort primary : deployment.primaries()) {
      try (Jedis jedis = deployment.open(primary)) {
        calls +=
            jedis
                .info("commandstats")
                .lines()
                .filter(line -> line.startsWith("cmdstat_" + command + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll(".*:calls=(\\d+),.*", "$1")))
                .sum();
      }
    }
    return calls;
  }

  /** Connections that are borrowed at this moment from the pools of what is tested. */
  public int borrowed() {
    return tested.borrowed();
  }

  void removeKeys() {
    deployment.removeKeys(MARK);
  }

  @Override
  public void close() {
    tested.close();
    admin.close();
  }

  @Override
  public String toString() {
    return kind.toString();
  }
}
