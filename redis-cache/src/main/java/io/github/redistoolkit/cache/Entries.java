package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.cache.NearCache.Stamp;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.Response;
import redis.clients.jedis.params.SetParams;

/**
 * The entries in Redis, one key at a time. Keys are Redis keys, prefix included. Each method is one
 * command or one script, so one round trip, and is safe to run twice by the same caller.
 */
final class Entries<V> {

  /** What {@link #ttlMillis} returns for an entry without expiry. */
  static final long FOR_EVER = -1;

  /** What {@link #ttlMillis} returns where there is no entry. */
  static final long NO_ENTRY = -2;

  /** KEYS: the key. Deletes unless an update holds the key. Returns 1 if there was an entry. */
  static final LuaScript DELETE =
      LuaScript.of(
          """
          local removed = 0
          for _, key in ipairs(KEYS) do
            local head = redis.pcall('GETRANGE', key, 0, 5)
            if type(head) == 'table' and not string.find(head.err, 'WRONGTYPE', 1, true) then
              return head
            end
            if head ~= '#hold:' then
              local existed = redis.call('UNLINK', key)
              if type(head) == 'table' or string.sub(head, 1, 1) ~= '#' then
                removed = removed + existed
              end
            end
          end
          return removed
          """);

  /** KEYS: the key. ARGV: milliseconds to live. Returns 1 if there was an entry. */
  static final LuaScript TOUCH =
      LuaScript.of(
          """
          if redis.call('GETRANGE', KEYS[1], 0, 0) == '#' then
            return 0
          end
          return redis.call('PEXPIRE', KEYS[1], ARGV[1])
          """);

  /** KEYS: the key. Returns milliseconds to live, -1 for ever, -2 if there is no entry. */
  static final LuaScript TTL =
      LuaScript.of(
          """
          if redis.call('GETRANGE', KEYS[1], 0, 0) == '#' then
            return -2
          end
          return redis.call('PTTL', KEYS[1])
          """);

  /**
   * KEYS: the key. ARGV: the lease's mark, its milliseconds to live, the SHA-1 of an undecodable
   * entry that may be replaced or nothing. Returns 1 if the lease is the caller's.
   */
  static final LuaScript CLAIM =
      LuaScript.of(
          """
          local current = redis.call('GET', KEYS[1])
          if current and current ~= ARGV[1]
              and (ARGV[3] == '' or redis.sha1hex(current) ~= ARGV[3]) then
            return 0
          end
          redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
          return 1
          """);

  /** KEYS: the key. ARGV: the lease's mark, its milliseconds to live. Returns 1 if still there. */
  static final LuaScript RENEW =
      LuaScript.of(
          """
          if redis.call('GET', KEYS[1]) ~= ARGV[1] then
            return 0
          end
          return redis.call('PEXPIRE', KEYS[1], ARGV[2])
          """);

  /** KEYS: the key. ARGV: the lease's mark, the value, its milliseconds to live. 1 if stored. */
  static final LuaScript FILL =
      LuaScript.of(
          """
          if redis.call('GET', KEYS[1]) ~= ARGV[1] then
            return 0
          end
          redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
          return 1
          """);

  /** KEYS: the key. ARGV: the lease's mark. Returns 1 if it was still there. */
  static final LuaScript RELEASE =
      LuaScript.of(
          """
          if redis.call('GET', KEYS[1]) ~= ARGV[1] then
            return 0
          end
          return redis.call('DEL', KEYS[1])
          """);

  /**
   * KEYS: the key. ARGV: the update's token, the hold's milliseconds to live or 0 to end it. Adds,
   * renews or removes one of the holds under the key, and drops those that have expired. Replaces
   * anything that is not a hold; leaves nothing if no hold is left.
   */
  static final LuaScript HOLD =
      LuaScript.of(
          """
          local time = redis.call('TIME')
          local now = time[1] * 1000 + math.floor(time[2] / 1000)
          local last = now + ARGV[2]
          local holds = {}
          if last > now then
            holds[1] = ARGV[1] .. '@' .. string.format('%.0f', last)
          end
          local current = redis.pcall('GET', KEYS[1])
          if type(current) == 'table' and not string.find(current.err, 'WRONGTYPE', 1, true) then
            return current
          end
          if type(current) == 'string' and string.sub(current, 1, 6) == '#hold:' then
            for token, deadline in string.gmatch(string.sub(current, 7), '([^,@]+)@(%d+)') do
              if token ~= ARGV[1] and tonumber(deadline) > now then
                holds[#holds + 1] = token .. '@' .. deadline
                last = math.max(last, tonumber(deadline))
              end
            end
          end
          if #holds == 0 then
            return redis.call('UNLINK', KEYS[1])
          end
          redis.call('SET', KEYS[1], '#hold:' .. table.concat(holds, ','),
              'PX', string.format('%.0f', last - now))
          return #holds
          """);

  private final RedisAccess redis;
  private final Codec<V> codec;
  private final String prefix;
  private final @Nullable NearCache<V> near;

  Entries(RedisAccess redis, Codec<V> codec, String prefix, @Nullable NearCache<V> near) {
    this.redis = redis;
    this.codec = codec;
    this.prefix = prefix;
    this.near = near;
  }

  /** Reads from Redis, and takes a copy if there is a near cache. */
  Content<V> read(String key) {
    if (near == null) {
      return codec.read(redis.execute(redis.commands().get(key.getBytes(UTF_8))));
    }
    String nearKey = key.substring(prefix.length());
    Stamp stamp = near.stamp(nearKey);
    byte[] bytes;
    long pttl;
    try (AbstractPipeline pipeline = redis.pipelined()) {
      Response<byte[]> value = pipeline.get(key.getBytes(UTF_8));
      Response<Long> life = pipeline.pttl(key);
      pipeline.sync();
      bytes = value.get();
      pttl = life.get();
    }
    Content<V> content = codec.read(bytes);
    if (stamp != null && content.state() == Content.State.VALUE) {
      near.put(nearKey, stamp, content.value(), new String(bytes, UTF_8), pttl);
    }
    return content;
  }

  void set(String key, String json, long ttlMillis) {
    try {
      redis.execute(redis.commands().set(key, json, SetParams.setParams().px(ttlMillis)));
    } finally {
      written(key);
    }
  }

  boolean delete(String key) {
    return write(DELETE, key) == 1;
  }

  boolean touch(String key, long ttlMillis) {
    return write(TOUCH, key, String.valueOf(ttlMillis)) == 1;
  }

  long ttlMillis(String key) {
    return run(TTL, key);
  }

  boolean claim(String key, String lease, long leaseMillis, String replaceableSha1) {
    return run(CLAIM, key, lease, String.valueOf(leaseMillis), replaceableSha1) == 1;
  }

  boolean renew(String key, String lease, long leaseMillis) {
    return run(RENEW, key, lease, String.valueOf(leaseMillis)) == 1;
  }

  boolean fill(String key, String lease, String json, long ttlMillis) {
    return write(FILL, key, lease, json, String.valueOf(ttlMillis)) == 1;
  }

  void release(String key, String lease) {
    long unused = run(RELEASE, key, lease);
  }

  void hold(String key, String token, long holdMillis) {
    long unused = write(HOLD, key, token, String.valueOf(holdMillis));
  }

  void unhold(String key, String token) {
    long unused = write(HOLD, key, token, "0");
  }

  /** Runs a script that may change what reads find. */
  private long write(LuaScript script, String key, String... args) {
    try {
      return run(script, key, args);
    } finally {
      written(key);
    }
  }

  /**
   * Drops the copy once Redis has replied, also if it failed: the next read of this JVM must not
   * find what was there before, though Redis's own message may still be on its way.
   */
  private void written(String key) {
    if (near != null) {
      near.changed(key.substring(prefix.length()));
    }
  }

  private long run(LuaScript script, String key, String... args) {
    Object reply = script.run(redis, List.of(key), List.of(args));
    return (Long) Objects.requireNonNull(reply);
  }
}
