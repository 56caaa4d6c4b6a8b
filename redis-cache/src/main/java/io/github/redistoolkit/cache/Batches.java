package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.LuaScript.Run;
import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Keyed;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/**
 * Many Redis keys at a time, pipelined in windows: what is under way at any moment is bounded, so
 * that neither the server nor this JVM must hold all of a large batch at once.
 *
 * <p>Each method throws {@link CacheBatchException} when a part failed. Thread-safe.
 */
final class Batches {

  /** Keys per {@code MGET} and per page of {@code SCAN}. */
  static final int CHUNK = 1000;

  /** Keys per script that deletes: it keeps the server busy for about a millisecond. */
  static final int DELETE_CHUNK = 250;

  /** What may be under way at a time, as far as the size of values is known. */
  static final long WINDOW_BYTES = 4 << 20;

  private static final int WINDOW_KEYS = 10_000;

  /** What a value is thought to take before the first one was read: rather too much. */
  private static final long FIRST_GUESS_BYTES = 32 << 10;

  /** By how much a window may be larger than the one before it that was not too large. */
  private static final int GROWTH = 8;

  private final RedisAccess redis;

  /** What a value is thought to take, from those read or written last. */
  private volatile long valueBytes = FIRST_GUESS_BYTES;

  Batches(RedisAccess redis) {
    this.redis = redis;
  }

  /** An entry as it is stored. */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares them
  record Stored(byte @Nullable [] bytes, long pttl) {

    /** In place of a life that was not asked for. */
    static final long UNASKED = -3;

    static final Stored NOTHING = new Stored(null, Store.NO_ENTRY);

    /** One whose life was not asked for. */
    static Stored unasked(byte @Nullable [] bytes) {
      return new Stored(bytes, UNASKED);
    }
  }

  /** Reads the bytes under each key. */
  Map<String, Stored> get(List<String> names) {
    return read(names, redis.spreadsKeys() ? this::getSingly : this::getTogether);
  }

  /** Reads the bytes under each key, and their remaining life. */
  Map<String, Stored> getWithLives(List<String> names) {
    return read(names, this::getPairs);
  }

  private void getPairs(List<String> names, Map<String, Stored> found, Failed failed) {
    List<Pair> pairs = pairs(names);
    for (int i = 0; i < names.size(); i++) {
      Pair pair = pairs.get(i);
      JedisException failure = pair.failure();
      if (failure == null) {
        found.put(names.get(i), pair.stored());
      } else if (!isWrongType(failure)) { // which MGET calls absent
        failed.add(
            List.of(names.get(i)), pair.value().failure() == null ? pair.life() : pair.value());
      }
    }
  }

  /** Reads the bytes under a key, and their remaining life. */
  Outcome<Stored> getWithLife(String name) {
    Pair pair = pairs(List.of(name)).get(0);
    JedisException failure = pair.failure();
    if (failure != null) {
      throw failure;
    }
    return new Outcome<>(pair.stored(), null, pair.value().direct());
  }

  /** Reads one window. */
  private interface Reader {
    void read(List<String> names, Map<String, Stored> found, Failed failed);
  }

  private Map<String, Stored> read(List<String> names, Reader reader) {
    Map<String, Stored> found = new HashMap<>();
    Failed failed = new Failed(names.size());
    int window = (int) Math.max(1, Math.min(WINDOW_BYTES / valueBytes, WINDOW_KEYS));
    for (int from = 0; from < names.size(); ) {
      List<String> part = names.subList(from, Math.min(names.size(), from + window));
      reader.read(part, found, failed);
      window = next(window, part, found);
      from += part.size();
    }
    failed.throwIfAny();
    return found;
  }

  /** Learns from a window how large the next one may be. */
  private int next(int window, List<String> part, Map<String, Stored> found) {
    long bytes = 0;
    int values = 0;
    for (String name : part) {
      byte[] value = found.getOrDefault(name, Stored.NOTHING).bytes();
      if (value != null) {
        bytes += value.length;
        values++;
      }
    }
    long grown = Math.min((long) window * GROWTH, WINDOW_KEYS);
    if (values > 0) {
      valueBytes = Math.max(bytes / values + 1, valueBytes / GROWTH);
      grown = Math.min(grown, WINDOW_BYTES / valueBytes);
    }
    return (int) Math.max(1, grown);
  }

  private void getTogether(List<String> names, Map<String, Stored> found, Failed failed) {
    List<List<String>> chunks = chunks(names, CHUNK);
    List<Keyed<List<byte[]>>> commands = new ArrayList<>();
    for (List<String> chunk : chunks) {
      byte[][] keys = chunk.stream().map(name -> name.getBytes(UTF_8)).toArray(byte[][]::new);
      commands.add(new Keyed<>(chunk.get(0), redis.commands().mget(keys)));
    }
    List<Outcome<List<byte[]>>> outcomes = redis.executeAll(commands);
    for (int i = 0; i < chunks.size(); i++) {
      List<byte[]> values = outcomes.get(i).reply();
      if (values == null) {
        failed.add(chunks.get(i), outcomes.get(i));
        continue;
      }
      for (int j = 0; j < values.size(); j++) {
        put(chunks.get(i).get(j), values.get(j), found);
      }
    }
  }

  private static void put(String name, byte @Nullable [] bytes, Map<String, Stored> found) {
    if (bytes != null) {
      found.put(name, Stored.unasked(bytes));
    }
  }

  /** In a Cluster one command with many keys would have to stay in one slot. */
  private void getSingly(List<String> names, Map<String, Stored> found, Failed failed) {
    List<Outcome<byte[]>> outcomes =
        redis.executeAll(
            names.stream()
                .map(name -> new Keyed<>(name, redis.commands().get(name.getBytes(UTF_8))))
                .toList());
    for (int i = 0; i < names.size(); i++) {
      Outcome<byte[]> outcome = outcomes.get(i);
      if (outcome.failure() == null) {
        put(names.get(i), outcome.reply(), found);
      } else if (!isWrongType(outcome.failure())) { // which MGET calls absent
        failed.add(List.of(names.get(i)), outcome);
      }
    }
  }

  /**
   * The replies to PTTL and GET of one key, in that order: if it is replaced in between, an old
   * value must not be thought to have the life of a new one.
   */
  private record Pair(Outcome<Object> life, Outcome<Object> value) {

    @Nullable JedisException failure() {
      return value.failure() != null ? value.failure() : life.failure();
    }

    Stored stored() {
      return value.reply() instanceof byte[] bytes && life.reply() instanceof Long pttl
          ? new Stored(bytes, pttl)
          : Stored.NOTHING;
    }
  }

  @SuppressWarnings("unchecked") // both are taken as objects
  private List<Pair> pairs(List<String> names) {
    List<Keyed<Object>> commands = new ArrayList<>();
    for (String name : names) {
      CommandObject<?> get = redis.commands().get(name.getBytes(UTF_8));
      CommandObject<?> pttl = redis.commands().pttl(name);
      commands.add(new Keyed<>(name, (CommandObject<Object>) pttl));
      commands.add(new Keyed<>(name, (CommandObject<Object>) get));
    }
    List<Outcome<Object>> outcomes = redis.executeAll(commands);
    List<Pair> pairs = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      pairs.add(new Pair(outcomes.get(2 * i), outcomes.get(2 * i + 1)));
    }
    return pairs;
  }

  /** Stores JSON by Redis key. */
  void set(Map<String, String> json, long ttlMillis) {
    if (!json.isEmpty()) {
      long bytes = json.values().stream().mapToLong(String::length).sum();
      valueBytes = bytes / json.size() + 1;
    }
    SetParams params = SetParams.setParams().px(ttlMillis);
    Failed failed = new Failed(json.size());
    windows(
        List.copyOf(json.entrySet()),
        entry -> entry.getValue().length(),
        window -> {
          List<Keyed<String>> commands = new ArrayList<>();
          window.forEach(
              entry ->
                  commands.add(
                      new Keyed<>(
                          entry.getKey(),
                          redis.commands().set(entry.getKey(), entry.getValue(), params))));
          List<Outcome<String>> outcomes = redis.executeAll(commands);
          for (int i = 0; i < window.size(); i++) {
            failed.add(List.of(window.get(i).getKey()), outcomes.get(i));
          }
        });
    failed.throwIfAny();
  }

  /** Deletes what no update holds, and returns how many entries there were. */
  long delete(List<String> names) {
    int chunk = redis.spreadsKeys() ? 1 : DELETE_CHUNK;
    List<Run> runs = chunks(names, chunk).stream().map(keys -> new Run(keys, List.of())).toList();
    Failed failed = new Failed(names.size());
    long removed = 0;
    for (List<Run> window : chunks(runs, WINDOW_KEYS)) {
      List<Outcome<Object>> outcomes = Scripts.DELETE.runAll(redis, window);
      for (int i = 0; i < window.size(); i++) {
        failed.add(window.get(i).keys(), outcomes.get(i));
        removed += outcomes.get(i).reply() instanceof Long count ? count : 0;
      }
    }
    failed.throwIfAny();
    return removed;
  }

  interface Window<T> {
    void run(List<T> part);
  }

  static <T> void windows(List<T> all, ToLongFunction<T> size, Window<T> window) {
    int from = 0;
    long bytes = 0;
    for (int to = 0; to < all.size(); to++) {
      long next = size.applyAsLong(all.get(to));
      if (to > from && (bytes + next > WINDOW_BYTES || to - from == WINDOW_KEYS)) {
        window.run(all.subList(from, to));
        from = to;
        bytes = 0;
      }
      bytes += next;
    }
    if (from < all.size()) {
      window.run(all.subList(from, all.size()));
    }
  }

  private static <T> List<List<T>> chunks(List<T> all, int size) {
    List<List<T>> chunks = new ArrayList<>();
    for (int from = 0; from < all.size(); from += size) {
      chunks.add(all.subList(from, Math.min(from + size, all.size())));
    }
    return chunks;
  }

  private static boolean isWrongType(JedisException e) {
    return Failures.code(e).equals("WRONGTYPE");
  }

  /** The keys of a batch that failed. */
  private static final class Failed {

    private final int size;
    private final Map<String, JedisException> failures = new LinkedHashMap<>();

    Failed(int size) {
      this.size = size;
    }

    /** Adds the keys if the outcome is a failure. */
    void add(Collection<String> names, Outcome<?> outcome) {
      JedisException failure = outcome.failure();
      if (failure != null) {
        names.forEach(name -> failures.put(name, failure));
      }
    }

    void throwIfAny() {
      if (!failures.isEmpty()) {
        JedisException first = failures.values().iterator().next();
        throw new CacheBatchException(failures.keySet(), size, first);
      }
    }
  }
}
