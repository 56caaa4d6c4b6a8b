package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.coalescing.Coalescing;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.resps.ScanResult;
import redis.clients.jedis.util.Pool;

/** The Redis of the run, reached as one row says. Closing it removes the keys of that row. */
final class Access implements AutoCloseable {

  private static final Collection<Access> OPEN = new ConcurrentLinkedQueue<>();

  private static volatile Holdings.Baseline baseline;

  private final Through through;
  private final TestRedis redis;
  private final String name;
  private final boolean removesKeys;
  private final AtomicReference<Double> weighed = new AtomicReference<>();
  private final Deque<Runnable> endings = new ArrayDeque<>();
  private final AtomicReference<UnifiedJedis> coalescing = new AtomicReference<>();

  private Access(Through through, TestRedis redis, String name, boolean removesKeys) {
    this.through = through;
    this.redis = redis;
    this.name = name;
    this.removesKeys = removesKeys;
  }

  private static final class Onlooker {

    static final TestRedis REDIS = TestRedis.of(ClientKind.CLIENT);
  }

  static Access by(Through through) {
    if (OPEN.isEmpty()) {
      baseline = Holdings.Baseline.now(onlooker());
    }
    TestRedis redis = TestRedis.of(through.kind());
    Access access = new Access(through, redis, redis.unique("benchmark"), true);
    OPEN.add(access);
    return access;
  }

  /** One of several JVMs' access to what a name stands for. It removes no keys. */
  static Access ofChild(Child child, Through through, String name) {
    return new Access(through, child.redis(), name, false);
  }

  /** A client that looks at the server all the time, opened before any row. */
  static UnifiedJedis onlooker() {
    return Onlooker.REDIS.admin();
  }

  /** What those that are open hold together, apart from threads with the given text in a name. */
  static Holdings held(String asking) {
    return baseline.held(onlooker(), asking);
  }

  /** Those that this JVM has not closed yet. */
  static Collection<Access> open() {
    return OPEN;
  }

  /** Where forks and peers find the server that this JVM has started or was given. */
  static String url(TestRedis redis) {
    return System.getProperty("redis.backend", "").equals("external")
        ? System.getProperty("redis.url")
        : "redis://" + redis.address();
  }

  Through through() {
    return through;
  }

  /** Whether the work is to be done without the toolkit, on {@link #pool}. */
  boolean isRaw() {
    return through == Through.RAW;
  }

  /** What is in the name of every key of this row, and of no other. */
  String name() {
    return name;
  }

  /** The pool for raw commands. */
  Pool<Jedis> pool() {
    return redis.over(
        pool -> pool,
        client -> {
          throw new IllegalStateException("raw commands go through a pool");
        });
  }

  /** Builds what is measured, on the pool or the client. */
  <T> T over(Function<Pool<Jedis>, T> ofPool, Function<UnifiedJedis, T> ofClient) {
    return lanes() == 0 ? redis.over(ofPool, ofClient) : ofClient.apply(coalescing());
  }

  /** The one client by which everything in a row of that name shares the pool. */
  UnifiedJedis coalescing() {
    return coalescing.updateAndGet(made -> made == null ? Coalescing.over(pool(), lanes()) : made);
  }

  /** How many lanes the row has; 0 if it is none that coalesces. */
  private int lanes() {
    return switch (through) {
      case COALESCING -> 4;
      case COALESCING_2 -> 2;
      case COALESCING_16 -> 16;
      default -> 0;
    };
  }

  /** The same row over a network of this round trip, which lasts as long as this. */
  Access far(Duration roundTrip) {
    FaultProxy proxy = closing(redis.proxy(), FaultProxy::close);
    proxy.latency(roundTrip);
    return new Access(through, redis.through(proxy), name, false);
  }

  /** Where a peer that has connections of its own connects to. */
  String url() {
    return url(redis);
  }

  /** The address that connections of this row go to, if it is {@link #far}. */
  HostAndPort address() {
    return redis.address();
  }

  /** Ends a peer's client when this is closed, those made later first. */
  <T> T closing(T client, Consumer<? super T> end) {
    endings.push(() -> end.accept(client));
    return client;
  }

  /** A client apart from what is measured. */
  UnifiedJedis admin() {
    return redis.admin();
  }

  /** Has the server's memory looked at now, once, rather than when an iteration has ended. */
  void weighNow() {
    if (weighed.get() == null) {
      weighed.set(Holdings.bytesEach(this));
    }
  }

  /** The mean bytes that the server keeps for an entry, id or lock; NaN if it keeps none. */
  double bytesEach() {
    Double bytes = weighed.get();
    return bytes == null ? Holdings.bytesEach(this) : bytes;
  }

  /** How many connections {@link #admin} has. */
  int adminConnections() {
    return admin() instanceof RedisClient client
        ? client.getPool().getNumActive() + client.getPool().getNumIdle()
        : 0;
  }

  @Override
  public void close() {
    endings.forEach(Runnable::run);
    OPEN.remove(this);
    if (removesKeys) {
      removeKeys();
    }
    redis.close();
  }

  private void removeKeys() {
    ScanParams ours = new ScanParams().match("*" + name + "*").count(1000);
    String cursor = ScanParams.SCAN_POINTER_START;
    do {
      ScanResult<String> page = admin().scan(cursor, ours);
      if (!page.getResult().isEmpty()) {
        admin().unlink(page.getResult().toArray(String[]::new));
      }
      cursor = page.getCursor();
    } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
  }
}
