package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.RedisAccess;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Response;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The entries in Redis, many keys in one pipelined round trip. Keys come without the prefix.
 *
 * <p>Each method throws {@link CacheBatchException} when a part failed.
 */
abstract sealed class Batches permits PipelineBatches, ClusterBatches {

  /** Keys per {@code MGET} and per page of {@code SCAN}. */
  static final int CHUNK = 1000;

  /** Keys per script that deletes: it keeps the server busy for about a millisecond. */
  static final int DELETE_CHUNK = 250;

  final RedisAccess redis;
  final String prefix;

  Batches(RedisAccess redis, String prefix) {
    this.redis = redis;
    this.prefix = prefix;
  }

  static Batches over(RedisAccess redis, String prefix) {
    return redis.spreadsKeys()
        ? new ClusterBatches(redis, prefix)
        : new PipelineBatches(redis, prefix);
  }

  /** Reads the bytes under the keys that have some, in the order of the keys. */
  abstract Map<String, byte[]> get(List<String> keys);

  /** Stores JSON by key. */
  abstract void set(Map<String, String> entries, long ttlMillis);

  /** Deletes what no update holds, and returns how many entries there were. */
  abstract long delete(List<String> keys);

  /** Passes on all keys that begin with the prefix, without it, in batches. Some may come twice. */
  final void scan(Consumer<List<String>> batches) {
    redis.scan(prefix, CHUNK, keys -> batches.accept(withoutPrefix(keys)));
  }

  final byte[] redisKey(String key) {
    return (prefix + key).getBytes(UTF_8);
  }

  final List<String> redisKeys(List<String> keys) {
    return keys.stream().map(prefix::concat).toList();
  }

  private List<String> withoutPrefix(Collection<String> redisKeys) {
    return redisKeys.stream().map(key -> key.substring(prefix.length())).toList();
  }

  static boolean isWrongType(JedisException e) {
    return Failures.code(e).equals("WRONGTYPE");
  }

  /** The replies of one pipeline, and which keys have none. */
  static final class Replies {

    private final int size;
    private final Map<String, JedisException> failures = new LinkedHashMap<>();
    private @Nullable JedisException broken;

    Replies(int size) {
      this.size = size;
    }

    /** The connection failed: keys without a reply have failed with this. */
    void broken(JedisException failure) {
      broken = failure;
    }

    void failed(Collection<String> keys, JedisException failure) {
      keys.forEach(key -> failures.put(key, failure));
    }

    /** The reply, if there is one; it may be null. */
    <T> T require(@Nullable Response<T> response) {
      try {
        if (response != null) {
          return response.get();
        }
      } catch (IllegalStateException unset) {
        // Jedis's way to say that the connection ended before this reply.
      }
      throw broken != null ? broken : new JedisConnectionException("no reply to this command");
    }

    void throwIfAnyFailed() {
      if (!failures.isEmpty()) {
        JedisException first = failures.values().iterator().next();
        throw new CacheBatchException(failures.keySet(), size, first);
      }
    }
  }
}
