package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import redis.clients.jedis.UnifiedJedis;

/**
 * What Redis has of a semaphore, as its scripts write it, and semaphores as tests make them.
 *
 * @param now the server's time at that moment, in microseconds
 * @param ends when the lease of each holder ends
 * @param marks until when each owner is refused that has ended or given up
 */
record PermitState(
    long now,
    long token,
    long waitersMicros,
    long held,
    long first,
    long last,
    long due,
    List<String> promises,
    Map<String, Long> ends,
    Map<String, Long> marks) {

  private static final String NOW =
      """
      local time = redis.call('TIME')
      return string.format('%.0f', time[1] * 1000000 + time[2])
      """;

  /** A semaphore through the suite's kind of client. */
  static RedisSemaphore semaphore(TestRedis redis, String name, int permits, Duration lease) {
    return redis.over(
        p -> new RedisSemaphore(p, name, permits, lease),
        c -> new RedisSemaphore(c, name, permits, lease));
  }

  /** Single requests of a semaphore. */
  static Requests requests(TestRedis redis, String name, int permits) {
    return new Requests(
        redis, new LockCommands(CoreAccess.of(redis), Kind.semaphore(permits), "", name));
  }

  /** A name whose server knows the scripts. */
  static String prepared(TestRedis redis, String text) {
    String name = redis.unique(text);
    Duration lease = Duration.ofSeconds(30);
    Lease first = semaphore(redis, name, 1, lease).tryAcquire().orElseThrow();
    if (!first.extend(lease)) {
      throw new AssertionError("a new lease on " + name + " is lost");
    }
    first.close();
    return name;
  }

  /** The key of the semaphore's state. */
  static String key(String name) {
    return "semaphore:{" + name + "}";
  }

  /** What Redis has of the semaphore. */
  static PermitState of(TestRedis redis, String name) {
    return read(redis.admin(), key(name));
  }

  /** Puts a state in the place of that, and no holders, for a minute; a mark if it has a name. */
  static void put(TestRedis redis, String name, String state, String mark, long until) {
    Map<String, String> fields = new HashMap<>(Map.of("s", state));
    if (!mark.isEmpty()) {
      fields.put("t" + mark.substring(0, 8), String.valueOf(until));
    }
    redis.admin().del(key(name));
    redis.admin().hset(key(name), fields);
    if (redis.admin().pexpire(key(name), 60_000) != 1) {
      throw new AssertionError("the key is gone");
    }
  }

  private static PermitState read(UnifiedJedis admin, String key) {
    String now = (String) admin.eval(NOW, List.of(key), List.of());
    Map<String, String> fields = new HashMap<>(admin.hgetAll(key));
    String state = Objects.requireNonNullElse(fields.remove("s"), "0");
    // The token alone if there is nothing else to say.
    List<String> words =
        List.of((state.contains(" ") ? state : state + " 0 0 0 0 0").split(" ", -1));
    Map<String, Long> ends = new HashMap<>();
    Map<String, Long> marks = new HashMap<>();
    fields.forEach(
        (field, value) -> {
          Map<String, Long> kind = field.startsWith("h") ? ends : marks;
          kind.put(field.substring(1), Long.parseLong(value.replaceAll(" .*", "")));
        });
    return new PermitState(
        Long.parseLong(now),
        Long.parseLong(words.get(0)),
        Long.parseLong(words.get(1)),
        Long.parseLong(words.get(2)),
        Long.parseLong(words.get(3)),
        Long.parseLong(words.get(4)),
        Long.parseLong(words.get(5)),
        words.subList(6, words.size()),
        ends,
        marks);
  }

  /** Asserts that what is reckoned fits the entries. */
  void assertSound() {
    boolean sound =
        held == ends.size()
            && ends.values().stream().allMatch(end -> first <= end && end <= last)
            && (!ends.isEmpty() || (first == 0 && last == 0))
            && marks.isEmpty() == (due == 0)
            && marks.values().stream().allMatch(until -> due <= until);
    if (!sound) {
      throw new AssertionError("what is reckoned does not fit the entries: " + this);
    }
  }

  /** How many leases have not ended. */
  long heldNow() {
    return ends.values().stream().filter(end -> end > now).count();
  }
}
