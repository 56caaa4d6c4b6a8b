package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.cache.Batches.Stored;
import io.github.redistoolkit.cache.NearCache.Stamp;
import io.github.redistoolkit.cache.RedisStore.Reading;
import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Renewable.Request;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A store whose writes are told to the near caches of this JVM, and which has one itself if asked.
 *
 * <p>A copy is dropped once Redis has replied to a write, also if it failed: the next read of this
 * JVM must not find what was there before, though Redis's own message may still be on its way.
 */
final class NearStore<V> implements Store<V> {

  private final RedisAccess access;
  private final Names names;
  private final RedisStore<V> redis;
  private final @Nullable NearCache<V> copies;
  private final Counters counters;

  NearStore(
      RedisAccess access,
      Names names,
      Codec<V> codec,
      @Nullable NearCache<V> copies,
      Counters counters,
      Reading reading,
      long staleMillis) {
    this.access = access;
    this.names = names;
    this.redis = new RedisStore<>(access, codec, names, reading, staleMillis);
    this.copies = copies;
    this.counters = counters;
  }

  /** The copy, if there is one that may be served, and counts it. */
  Found.@Nullable Value<V> copy(String key) {
    Found.Value<V> copy = copies == null ? null : copies.get(names.written(key));
    if (copy != null) {
      counters.nearHits.increment();
    }
    return copy;
  }

  /** Reads from Redis, and takes a copy. */
  @Override
  public Found<V> read(String key) {
    Stamp stamp = copies == null ? null : copies.stamp(names.written(key));
    if (copies == null || stamp == null) {
      return redis.read(key);
    }
    Outcome<Stored> outcome = redis.readStored(key);
    Stored stored = Objects.requireNonNull(outcome.reply());
    Found<V> found = redis.found(stored);
    // What another node answered than the one that is trusted is not sure to be heard of.
    if (outcome.direct() && found instanceof Found.Value<V> value) {
      String json = new String(redis.plain(Objects.requireNonNull(stored.bytes())), UTF_8);
      copies.put(names.written(key), stamp, value.value(), json, value.lifeMillis());
    }
    return found;
  }

  /** Reads from Redis without taking copies. */
  @Override
  public Map<String, Found<V>> readAll(List<String> keys) {
    return redis.readAll(keys);
  }

  @Override
  public void set(String key, String json, long ttlMillis) {
    try {
      redis.set(key, json, ttlMillis);
    } finally {
      written(key);
    }
  }

  @Override
  public void setAll(Map<String, String> json, long ttlMillis) {
    try {
      redis.setAll(json, ttlMillis);
    } finally {
      written(json.keySet());
    }
  }

  @Override
  public boolean delete(String key) {
    try {
      return redis.delete(key);
    } finally {
      written(key);
    }
  }

  @Override
  public long deleteAll(List<String> keys) {
    try {
      return redis.deleteAll(keys);
    } finally {
      written(keys);
    }
  }

  @Override
  public boolean touch(String key, long ttlMillis) {
    try {
      return redis.touch(key, ttlMillis);
    } finally {
      written(key);
    }
  }

  @Override
  public boolean fill(String key, String lease, String json, long ttlMillis) {
    try {
      return redis.fill(key, lease, json, ttlMillis);
    } finally {
      written(key);
    }
  }

  @Override
  public boolean setIf(Presence presence, String key, String json, long ttlMillis) {
    try {
      return redis.setIf(presence, key, json, ttlMillis);
    } finally {
      written(key);
    }
  }

  @Override
  public boolean endRefresh(String key, String token, String json, long ttlMillis) {
    try {
      return redis.endRefresh(key, token, json, ttlMillis);
    } finally {
      written(key);
    }
  }

  @Override
  public void hold(List<String> keys, String token, long holdMillis, long keyMillis) {
    try {
      redis.hold(keys, token, holdMillis, keyMillis);
    } finally {
      written(keys);
    }
  }

  @Override
  public void unhold(List<String> keys, String token) {
    try {
      redis.unhold(keys, token);
    } finally {
      written(keys);
    }
  }

  @Override
  public List<Outcome<Object>> fillAll(List<Fill> fills) {
    try {
      return redis.fillAll(fills);
    } finally {
      written(fills.stream().map(Fill::key).toList());
    }
  }

  // What follows changes nothing that has a copy.

  @Override
  public long clear() {
    return redis.clear(deleted -> Tracking.written(access, deleted));
  }

  @Override
  public Found.@Nullable Lease<V> reread(String key, Found.Lease<V> lease) {
    return redis.reread(key, lease);
  }

  @Override
  public long ttlMillis(String key) {
    return redis.ttlMillis(key);
  }

  @Override
  public Claimed claim(Wanted wanted) {
    return redis.claim(wanted);
  }

  @Override
  public Request renewal(String key, Claim claim) {
    return redis.renewal(key, claim);
  }

  @Override
  public List<Outcome<Claimed>> claimAll(List<Wanted> wanted) {
    return redis.claimAll(wanted);
  }

  @Override
  public Request holdRemoval(String key, String token) {
    return redis.holdRemoval(key, token);
  }

  @Override
  public boolean beginRefresh(String key, String token, long leaseMillis, long mostLifeMillis) {
    return redis.beginRefresh(key, token, leaseMillis, mostLifeMillis);
  }

  @Override
  public Request refreshRenewal(String key, String token, long leaseMillis) {
    return redis.refreshRenewal(key, token, leaseMillis);
  }

  @Override
  public List<Outcome<Object>> releaseAll(Map<String, String> leases, long pauseMillis) {
    return redis.releaseAll(leases, pauseMillis);
  }

  @Override
  public void forget(String key, String lease) {
    redis.forget(key, lease);
  }

  @Override
  public List<Outcome<Object>> forgetAll(Map<String, String> leases) {
    return redis.forgetAll(leases);
  }

  @Override
  public Request removal(String key, String lease, long pauseMillis) {
    return redis.removal(key, lease, pauseMillis);
  }

  @Override
  public Request holdRenewal(String key, String token, long holdMillis, long keyMillis) {
    return redis.holdRenewal(key, token, holdMillis, keyMillis);
  }

  @Override
  public void release(String key, String lease, long pauseMillis) {
    redis.release(key, lease, pauseMillis);
  }

  private void written(String key) {
    Tracking.written(access, names.of(key));
  }

  private void written(Collection<String> keys) {
    Tracking.written(access, keys.stream().map(names::of).toList());
  }
}
