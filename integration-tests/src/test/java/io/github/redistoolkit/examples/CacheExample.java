package io.github.redistoolkit.examples;

import io.github.redistoolkit.cache.CacheAside;
import io.github.redistoolkit.cache.CacheService;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** Twenty callers miss at once, and one of them asks the database; then a name is changed. */
public final class CacheExample {

  /** What the database has, and the cache keeps as JSON. */
  record User(String id, String name) {}

  private CacheExample() {}

  /** Runs it on a Redis of the test bed. */
  public static void main(String[] args) throws Exception {
    try (Bed bed = Bed.open()) {
      run(bed.pool(), bed.prefix(), System.out);
    }
  }

  static void run(Pool<Jedis> pool, String prefix, PrintStream out) throws Exception {
    Map<String, User> database = new ConcurrentHashMap<>();
    database.put("123", new User("123", "John"));
    AtomicInteger queries = new AtomicInteger();

    CacheService<User> cache = new CacheService<>(pool, prefix + "user:", User.class);
    CacheAside<String, User> users =
        new CacheAside<>(
            cache,
            Duration.ofMinutes(10),
            id -> id,
            id -> {
              queries.incrementAndGet();
              return database.get(id);
            });

    Callers.atOnce(20, () -> users.get("123"));
    out.println("20 callers, queries of the database: " + queries);

    User before = users.update("123", () -> database.put("123", new User("123", "Jane")));
    out.println("renamed " + before.name() + " to " + users.get("123").name());
    out.println("queries after the write: " + (queries.get() - 1));
  }
}
