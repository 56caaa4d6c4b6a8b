package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * What Redis has of a read-write lock, as its scripts write it, and such locks as tests make them.
 *
 * @param now the server's time at that moment, in microseconds
 * @param ends when the lease of each holder ends
 * @param marks until when each owner is refused that has ended or given up
 * @param readers until when each counts who waits to read
 * @param writers until when each counts who waits to write
 * @param since since when each waits who waits to read
 */
record ReadWriteState(
    long now,
    long token,
    long held,
    long first,
    long last,
    long due,
    boolean writing,
    long waitingReaders,
    long waitingWriters,
    long phase,
    long turn,
    long promised,
    Map<String, Long> ends,
    Map<String, Long> marks,
    Map<String, Long> readers,
    Map<String, Long> writers,
    Map<String, Long> since) {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private static final String NOW =
      """
      local time = redis.call('TIME')
      return string.format('%.0f', time[1] * 1000000 + time[2])
      """;

  /** A read-write lock through the suite's kind of client. */
  static RedisReadWriteLock lock(TestRedis redis, String name, Duration lease) {
    return redis.over(
        p -> new RedisReadWriteLock(p, name, lease), c -> new RedisReadWriteLock(c, name, lease));
  }

  /** Single requests of readers. */
  static Requests reading(TestRedis redis, String name) {
    return new Requests(redis, new LockCommands(CoreAccess.of(redis), Kind.READ_LOCK, "", name));
  }

  /** Single requests of writers. */
  static Requests writing(TestRedis redis, String name) {
    return new Requests(redis, new LockCommands(CoreAccess.of(redis), Kind.WRITE_LOCK, "", name));
  }

  /** A name whose server knows the scripts. */
  static String prepared(TestRedis redis, String text) {
    String name = redis.unique(text);
    Lease first = lock(redis, name, LEASE).writeLock().tryAcquire().orElseThrow();
    if (!first.extend(LEASE)) {
      throw new AssertionError("a new lease on " + name + " is lost");
    }
    first.close();
    return name;
  }

  /** The key of the state. */
  static String key(String name) {
    return "rwlock:{" + name + "}";
  }

  /** All keys, the state's first. */
  static List<String> keys(String name) {
    return List.of(key(name), key(name) + ":qw", key(name) + ":qr");
  }

  /** Puts fields in the place of what there is, for a minute. */
  static void put(TestRedis redis, String name, Map<String, String> fields) {
    redis.admin().del(key(name));
    redis.admin().hset(key(name), fields);
    if (redis.admin().pexpire(key(name), 60_000) != 1) {
      throw new AssertionError("the key is gone");
    }
  }

  /** What Redis has of the lock. */
  static ReadWriteState of(TestRedis redis, String name) {
    String now = (String) redis.admin().eval(NOW, List.of(key(name)), List.of());
    Map<String, String> fields = new HashMap<>(redis.admin().hgetAll(key(name)));
    String state = Objects.requireNonNullElse(fields.remove("s"), "0");
    long[] words = new long[11];
    List<String> found = List.of(state.split(" ", -1));
    for (int i = 0; i < found.size(); i++) {
      words[i] = Long.parseLong(found.get(i));
    }
    Map<String, Long> since = timesOf("r", fields);
    since.replaceAll((owner, until) -> Long.valueOf(fields.get("r" + owner).split(" ", -1)[1]));
    return new ReadWriteState(
        Long.parseLong(now),
        words[0],
        words[1],
        words[2],
        words[3],
        words[5],
        words[4] == 1,
        words[6],
        words[7],
        words[8],
        words[9],
        words[10],
        timesOf("h", fields),
        timesOf("t", fields),
        timesOf("r", fields),
        timesOf("w", fields),
        since);
  }

  private static Map<String, Long> timesOf(String kind, Map<String, String> fields) {
    Map<String, Long> times = new HashMap<>();
    fields.forEach(
        (field, value) -> {
          if (field.startsWith(kind)) {
            times.put(field.substring(1), Long.parseLong(value.replaceAll(" .*", "")));
          }
        });
    return times;
  }

  /** Asserts that what is reckoned fits the entries. */
  void assertSound() {
    LongStream dues =
        Stream.of(marks, readers, writers)
            .flatMap(times -> times.values().stream())
            .mapToLong(until -> until);
    boolean sound =
        held == ends.size()
            && ends.values().stream().allMatch(end -> first <= end && end <= last)
            && (!ends.isEmpty() || (first == 0 && last == 0 && !writing))
            && (!writing || held == 1)
            && waitingReaders == readers.size()
            && waitingWriters == writers.size()
            && (due > 0 || marks.size() + readers.size() + writers.size() == 0)
            && dues.allMatch(until -> due <= until)
            && turn <= waitingReaders;
    if (!sound) {
      throw new AssertionError("what is reckoned does not fit the entries: " + this);
    }
  }
}
