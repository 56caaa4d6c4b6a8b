package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
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
  private final HostAndPort address;
  private final int maxTotal;
  private final Pool<Jedis> pool;
  private final RedisClient client;
  private final RedisClient admin;

  private TestRedis(ClientKind kind, Deployment deployment, HostAndPort address, int maxTotal) {
    this.kind = kind;
    this.deployment = deployment;
    this.address = address;
    this.maxTotal = maxTotal;
    JedisClientConfig config = deployment.config().protocol(kind.protocol()).build();
    this.pool = kind == ClientKind.POOL ? pool(address, config, maxTotal) : null;
    this.client = kind == ClientKind.CLIENT ? client(address, config, maxTotal) : null;
    this.admin = client(address, deployment.config().protocol(RedisProtocol.RESP3).build(), 8);
  }

  /** A Redis of this run, reached by the given kind of client. */
  public static TestRedis of(ClientKind kind) {
    Deployment deployment = SharedRedis.of(kind.topology());
    return new TestRedis(kind, deployment, deployment.nodes().get(0), 64);
  }

  /** What {@link #decode} makes the same of in another JVM, in one word. */
  String encode() {
    return kind + "|" + maxTotal + "|" + address + "|" + deployment.encode();
  }

  static TestRedis decode(String text) {
    String[] parts = text.split("\\|", 4);
    return new TestRedis(
        ClientKind.valueOf(parts[0]),
        Deployment.decode(parts[3]),
        HostAndPort.from(parts[2]),
        Integer.parseInt(parts[1]));
  }

  /** The same server through a client of the same kind with at most so many connections. */
  public TestRedis withMaxTotal(int connections) {
    return new TestRedis(kind, deployment, address, connections);
  }

  /** The same kind of client, but connecting to another address, such as that of a proxy. */
  public TestRedis at(HostAndPort other) {
    return new TestRedis(kind, deployment, other, maxTotal);
  }

  /** Builds what is to be tested on the pool or the client, whichever this Redis is reached by. */
  public <T> T over(Function<Pool<Jedis>, T> ofPool, Function<UnifiedJedis, T> ofClient) {
    return pool != null ? ofPool.apply(pool) : ofClient.apply(client);
  }

  /** A client for looking at the server, apart from what is tested. */
  public UnifiedJedis admin() {
    return admin;
  }

  /** Where the server listens. */
  public HostAndPort address() {
    return address;
  }

  /** A name that no other test uses, ending in the given text. */
  public String unique(String text) {
    return MARK + NAMES.incrementAndGet() + ":" + text;
  }

  /** How many commands the server has executed so far with this name, as INFO commandstats says. */
  public long calls(String command) {
    return admin
        .info("commandstats")
        .lines()
        .filter(line -> line.startsWith("cmdstat_" + command + ":"))
        .mapToLong(line -> Long.parseLong(line.replaceAll(".*:calls=(\\d+),.*", "$1")))
        .sum();
  }

  /** Connections that are borrowed at this moment from the pool of what is tested. */
  public int borrowed() {
    return pool != null ? pool.getNumActive() : client.getPool().getNumActive();
  }

  @Override
  public void close() {
    if (pool != null) {
      pool.close();
    } else {
      client.close();
    }
    admin.close();
  }

  @Override
  public String toString() {
    return kind.toString();
  }

  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  private static Pool<Jedis> pool(HostAndPort address, JedisClientConfig config, int maxTotal) {
    JedisPoolConfig pool = new JedisPoolConfig();
    pool.setMaxTotal(maxTotal);
    pool.setMaxIdle(maxTotal);
    return new JedisPool(pool, address, config);
  }

  private static RedisClient client(HostAndPort address, JedisClientConfig config, int maxTotal) {
    ConnectionPoolConfig pool = new ConnectionPoolConfig();
    pool.setMaxTotal(maxTotal);
    pool.setMaxIdle(maxTotal);
    pool.setMaxWait(Duration.ofSeconds(10));
    return RedisClient.builder().hostAndPort(address).clientConfig(config).poolConfig(pool).build();
  }
}
