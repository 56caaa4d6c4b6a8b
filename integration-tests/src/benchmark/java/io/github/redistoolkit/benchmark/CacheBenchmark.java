package io.github.redistoolkit.benchmark;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A cache of small records, against GET, SET, MGET a pipeline of SET and DEL with Gson.
 *
 * <p>Only ours keeps an older load from overwriting a newer value; the peers are told to set and
 * get, and do no more.
 */
@State(Scope.Benchmark)
public class CacheBenchmark {

  private static final int KEYS = 1_000;

  @Param({"RAW", "POOL", "CLIENT", "REDISSON", "SPRING_JEDIS", "SPRING_LETTUCE", "JETCACHE"})
  Through through;

  private final Users.User user = Users.User.example();
  private Access access;
  private Users users;
  private List<String> keys;
  private Map<String, Users.User> all;

  @Setup
  public void fill() {
    access = Access.by(through);
    users = Users.open(access);
    keys = IntStream.range(0, KEYS).mapToObj(Integer::toString).toList();
    all = keys.stream().collect(Collectors.toMap(key -> key, key -> user));
    users.setAll(all);
    if (!users.get(keys.get(0)).equals(user)) {
      throw new IllegalStateException("not what was set: " + users.get(keys.get(0)));
    }
  }

  @TearDown
  public void close() {
    access.close();
  }

  @Benchmark
  public Object get() {
    return users.get(anyKey());
  }

  @Benchmark
  public void set() {
    users.set(anyKey(), user);
  }

  /** One operation is one key. */
  @Benchmark
  @OperationsPerInvocation(KEYS)
  public Map<String, ?> getAllOf1000() {
    Map<String, ?> found = users.getAll(keys);
    if (found.size() != KEYS) {
      throw new IllegalStateException(found.size() + " hits");
    }
    return found;
  }

  /** One operation is one key. */
  @Benchmark
  @OperationsPerInvocation(KEYS)
  public void setAndDeleteAllOf1000() {
    users.setAll(all);
    users.deleteAll(keys);
  }

  private String anyKey() {
    return keys.get(ThreadLocalRandom.current().nextInt(KEYS));
  }
}
