package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.testing.TestRedis;
import java.util.function.Function;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.resps.ScanResult;
import redis.clients.jedis.util.Pool;

/** The Redis of the run, reached as one row says. Closing it removes the keys of that row. */
final class Access implements AutoCloseable {

  private final Through through;
  private final TestRedis redis;
  private final String name;

  private Access(Through through) {
    this.through = through;
    this.redis = TestRedis.of(through.kind());
    this.name = redis.unique("benchmark");
  }

  static Access by(Through through) {
    return new Access(through);
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
    return redis.over(ofPool, ofClient);
  }

  /** A client apart from what is measured. */
  UnifiedJedis admin() {
    return redis.admin();
  }

  @Override
  public void close() {
    removeKeys();
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
