package io.github.redistoolkit.soak;

import io.github.redistoolkit.cache.CacheAside;
import io.github.redistoolkit.cache.CacheService;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Reads and writes rows of a database, whose versions rise, through a cache. */
final class CacheActor implements Actor {

  static final String READ = "read";
  static final String READ_NEAR = "read-near";
  static final Duration TTL = Duration.ofSeconds(5);
  private static final int KEYS = 4;

  /** A database in memory. Thread-safe. */
  static final class Database {

    private final Map<String, AtomicLong> rows = new ConcurrentHashMap<>();

    long read(String key) {
      return row(key).get();
    }

    long write(String key) {
      return row(key).incrementAndGet();
    }

    private AtomicLong row(String key) {
      return rows.computeIfAbsent(key, absent -> new AtomicLong());
    }
  }

  /** Whether it keeps copies in this JVM. */
  enum Near {
    NONE,
    COPIES
  }

  private final Database database;
  private final CacheService<Long> cache;
  private final CacheAside<String, Long> aside;
  private final String prefix;
  private final String reading;
  private final Recorder recorder;

  CacheActor(Access access, String prefix, Near near, Database database, Recorder recorder) {
    this.database = database;
    this.prefix = prefix;
    var builder =
        access
            .over(
                pool -> CacheService.builder(pool, prefix, Long.class),
                client -> CacheService.builder(client, prefix, Long.class))
            .lease(Duration.ofSeconds(2))
            .hold(Duration.ofSeconds(5))
            .maxWait(Duration.ofSeconds(5));
    this.cache = near == Near.COPIES ? builder.nearCache(1000).build() : builder.build();
    this.aside = new CacheAside<>(cache, TTL, id -> "aside-" + id, id -> slowly("aside-" + id));
    this.reading = near == Near.COPIES ? READ_NEAR : READ;
    this.recorder = recorder;
  }

  private long slowly(String key) {
    long version = database.read(prefix + key);
    try {
      // What it returns grows old meanwhile.
      TimeUnit.MILLISECONDS.sleep(5);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return version;
  }

  @Override
  public void act(SplittableRandom random) throws InterruptedException {
    String id = String.valueOf(random.nextInt(KEYS));
    switch (random.nextInt(12)) {
      case 0 -> update(id);
      case 1 -> delete("plain-" + id);
      case 2, 3, 4, 5, 6 -> read("aside-" + id, () -> aside.get(id));
      default ->
          read(
              "plain-" + id,
              () -> cache.getOrLoad("plain-" + id, TTL, () -> slowly("plain-" + id)));
    }
  }

  private interface Read {
    Long get();
  }

  private void read(String key, Read read) throws InterruptedException {
    long asked = System.nanoTime();
    Optional<Long> version = recorder.call("cache read", read::get);
    long had = System.nanoTime();
    version.ifPresent(
        found -> recorder.add(reading, prefix + key, String.valueOf(found), asked, had));
  }

  /** Also if it fails after the write, nothing older may be read. */
  private void update(String id) throws InterruptedException {
    AtomicLong written = new AtomicLong();
    long asked = System.nanoTime();
    recorder.call(
        "cache update",
        () ->
            aside.update(
                id,
                () -> {
                  written.set(database.write(prefix + "aside-" + id));
                  return written.get();
                }));
    if (written.get() > 0) {
      recorder.add(
          NotStale.WRITTEN,
          prefix + "aside-" + id,
          String.valueOf(written.get()),
          asked,
          System.nanoTime());
    }
  }

  /** If it throws, the old value may stay until it expires. */
  private void delete(String key) throws InterruptedException {
    long asked = System.nanoTime();
    long version = database.write(prefix + key);
    Optional<Boolean> deleted = recorder.call("cache delete", () -> cache.delete(key));
    if (deleted.isPresent()) {
      recorder.add(
          NotStale.WRITTEN, prefix + key, String.valueOf(version), asked, System.nanoTime());
    }
  }

  @Override
  public void close() {
    cache.close();
  }
}
