package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.Response;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
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

  final UnifiedJedis client;
  final String prefix;

  Batches(UnifiedJedis client, String prefix) {
    this.client = client;
    this.prefix = prefix;
  }

  static Batches over(UnifiedJedis client, String prefix) {
    return client instanceof RedisClusterClient cluster
        ? new ClusterBatches(cluster, prefix)
        : new PipelineBatches(client, prefix);
  }

  /** Reads the bytes under the keys that have some, in the order of the keys. */
  abstract Map<String, byte[]> get(List<String> keys);

  /** Stores JSON by key. */
  abstract void set(Map<String, String> entries, long ttlMillis);

  /** Deletes what no update holds, and returns how many entries there were. */
  abstract long delete(List<String> keys);

  /** Passes on all keys that begin with the prefix, without it, in batches. Some may come twice. */
  abstract void scan(Consumer<List<String>> batches);

  final byte[] redisKey(String key) {
    return (prefix + key).getBytes(UTF_8);
  }

  final List<String> redisKeys(List<String> keys) {
    return keys.stream().map(prefix::concat).toList();
  }

  final List<String> withoutPrefix(Collection<String> redisKeys) {
    return redisKeys.stream().map(key -> key.substring(prefix.length())).toList();
  }

  /** The pattern of all keys with the prefix, in which only the last character is special. */
  final String pattern() {
    return prefix.replaceAll("[\\\\*?\\[\\]]", "\\\\$0") + "*";
  }

  static boolean isWrongType(JedisException e) {
    return e instanceof JedisDataException
        && e.getMessage() != null
        && e.getMessage().startsWith("WRONGTYPE");
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
