package io.github.redistoolkit.benchmark;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.params.SetParams;

/** What a key takes that is read with so many others in one call. */
final class BatchGrowth extends Growth {

  BatchGrowth() {
    super(
        "Cache: getAll, by keys",
        "keys",
        "µs a key, median",
        List.of(1, 10, 100, 1_000, 10_000, 100_000),
        List.of(
            Through.RAW,
            Through.POOL,
            Through.CLIENT,
            Through.REDISSON,
            Through.SPRING_JEDIS,
            Through.SPRING_LETTUCE,
            Through.JETCACHE));
  }

  @Override
  double measure(Through through, int size, Pace pace) {
    try (Access access = Access.by(through)) {
      Users users = Users.open(access);
      users.set("0", Users.User.example());
      copyFirst(access, size);
      List<String> keys = IntStream.range(0, size).mapToObj(Integer::toString).toList();
      return Stopwatch.medianMicros(
              pace,
              () -> {
                if (users.getAll(keys).size() != size) {
                  throw new IllegalStateException("not all of " + size + " keys were found");
                }
              })
          / size;
    }
  }

  /** Writes entry 0 under the other numbers too, much faster than one by one. */
  private static void copyFirst(Access access, int size) {
    Set<String> only = access.admin().keys("*" + access.name() + "*");
    String key = only.iterator().next();
    byte[] value = access.admin().get(key.getBytes(StandardCharsets.UTF_8));
    String start = key.substring(0, key.length() - 1);
    SetParams ttl = SetParams.setParams().px(Users.TTL.toMillis());
    try (AbstractPipeline pipeline = access.admin().pipelined()) {
      for (int i = 1; i < size; i++) {
        byte[] copy = (start + i).getBytes(StandardCharsets.UTF_8);
        var unused = pipeline.set(copy, value, ttl);
      }
    }
  }
}
