package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.cache.Batches.Stored;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.LuaScript.Run;
import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Renewable.Request;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/** The entries in Redis. */
final class RedisStore<V> implements Store<V> {

  /** How many digits the end of a lease may have, with room to spare. */
  private static final int MOST_DIGITS = 20;

  private final RedisAccess redis;
  private final Codec<V> codec;
  private final Names names;
  private final Reading reading;
  private final long staleMillis;
  private final String staleMark;
  private final Batches batches;

  /** Whether a read of one key asks for its life too. */
  enum Reading {
    VALUE_ALONE,
    WITH_LIFE
  }

  RedisStore(RedisAccess redis, Codec<V> codec, Names names, Reading reading, long staleMillis) {
    this.redis = redis;
    this.codec = codec;
    this.names = names;
    this.reading = reading;
    this.staleMillis = staleMillis;
    this.staleMark = StaleMark.of(staleMillis);
    this.batches = new Batches(redis);
  }

  @Override
  public Found<V> read(String key) {
    if (reading == Reading.WITH_LIFE) {
      return found(Objects.requireNonNull(readStored(key).reply()));
    }
    byte[] bytes = redis.execute(redis.commands().get(names.of(key).getBytes(UTF_8)));
    return needsLife(bytes)
        ? found(Objects.requireNonNull(readStored(key).reply()))
        : found(Stored.unasked(bytes));
  }

  @Override
  public Found.@Nullable Lease<V> reread(String key, Found.Lease<V> lease) {
    byte[] name = names.of(key).getBytes(UTF_8);
    long last = lease.lease().getBytes(UTF_8).length + MOST_DIGITS - 1L;
    byte[] head = redis.execute(redis.commands().getrange(name, 0, last));
    Found.Lease<V> there = head == null ? null : Found.Lease.of(new String(head, UTF_8));
    return there != null && there.lease().equals(lease.lease()) ? there : null;
  }

  /** Whether its life tells what it is: another cache keeps it for the case of failures. */
  private static boolean needsLife(byte @Nullable [] bytes) {
    return bytes != null && StaleMark.isAtStartOf(bytes);
  }

  /**
   * Tells what is stored. There is a mark before a value that its key outlives, and one behind a
   * value that is being refreshed.
   */
  Found<V> found(Stored stored) {
    byte[] bytes = stored.bytes();
    if (bytes == null) {
      return new Found.Absent<>();
    }
    byte[] plain = plain(bytes);
    // What is undecodable is known by the digest of all that is there.
    Found<V> read = codec.read(plain);
    if (!(read instanceof Found.Value<V> value)) {
      return plain == bytes ? read : codec.read(bytes);
    }
    long outlives = StaleMark.isAtStartOf(bytes) ? StaleMark.millis(bytes) : 0;
    long pttl = stored.pttl();
    if (outlives > 0 && pttl >= 0 && pttl <= outlives) {
      return new Found.Stale<>(value.value());
    }
    boolean endless = pttl == Store.FOR_EVER || pttl == Stored.UNASKED;
    long life = endless ? Long.MAX_VALUE : Math.max(0, pttl - outlives);
    return new Found.Value<>(value.value(), life, RefreshMark.isAtEndOf(bytes));
  }

  /** What is stored without our marks around it. */
  byte[] plain(byte[] bytes) {
    byte[] begun = StaleMark.isAtStartOf(bytes) ? StaleMark.without(bytes) : bytes;
    return RefreshMark.isAtEndOf(begun) ? RefreshMark.without(begun) : begun;
  }

  /** An entry as it is stored, and its life, read in one round trip. */
  Outcome<Stored> readStored(String key) {
    return batches.getWithLife(names.of(key));
  }

  @Override
  public Map<String, Found<V>> readAll(List<String> keys) {
    List<String> all = names.of(keys);
    Map<String, Stored> stored =
        named(keys, () -> staleMillis == 0 ? batches.get(all) : batches.getWithLives(all));
    List<String> unsure =
        all.stream()
            .filter(
                name ->
                    staleMillis == 0
                        && needsLife(stored.getOrDefault(name, Stored.NOTHING).bytes()))
            .toList();
    stored.putAll(named(keys, () -> batches.getWithLives(unsure)));
    Map<String, Found<V>> found = new LinkedHashMap<>();
    for (String key : keys) {
      found.put(key, found(stored.getOrDefault(names.of(key), Stored.NOTHING)));
    }
    return found;
  }

  @Override
  public void set(String key, String json, long ttlMillis) {
    SetParams life = SetParams.setParams().px(life(json, ttlMillis));
    redis.execute(redis.commands().set(names.of(key), kept(json), life));
  }

  @Override
  public boolean setIf(Presence presence, String key, String json, long ttlMillis) {
    return run(Scripts.SET_IF, key, kept(json), text(life(json, ttlMillis)), presence.argument())
        == 1;
  }

  @Override
  public void setAll(Map<String, String> json, long ttlMillis) {
    Map<String, String> byName = new LinkedHashMap<>();
    json.forEach((key, value) -> byName.put(names.of(key), kept(value)));
    boolean done =
        named(
            json.keySet(),
            () -> {
              batches.set(byName, ttlMillis + staleMillis); // no nulls
              return true;
            });
    assert done;
  }

  @Override
  public boolean delete(String key) {
    return run(Scripts.DELETE, key) == 1;
  }

  @Override
  public long deleteAll(List<String> keys) {
    return named(keys, () -> batches.delete(names.of(keys)));
  }

  @Override
  public long clear() {
    return clear(unused -> {});
  }

  /** Deletes all, and tells the Redis keys of what it has deleted or tried to. */
  long clear(Consumer<Collection<String>> written) {
    AtomicLong removed = new AtomicLong();
    redis.scan(
        names.prefix(),
        Batches.CHUNK,
        batch -> {
          List<String> distinct = batch.stream().distinct().toList(); // some come twice
          try {
            removed.addAndGet(batches.delete(distinct));
          } catch (CacheBatchException e) {
            throw e.withKeys(names::without);
          } finally {
            written.accept(distinct);
          }
        });
    return removed.get();
  }

  @Override
  public boolean touch(String key, long ttlMillis) {
    return run(Scripts.TOUCH, key, text(ttlMillis)) == 1;
  }

  @Override
  public long ttlMillis(String key) {
    return run(Scripts.TTL, key);
  }

  @Override
  public Claimed claim(Wanted wanted) {
    Run run = claimRun(wanted);
    return claimed(Scripts.CLAIM.run(redis, run.keys(), run.args()));
  }

  private static Claimed claimed(@Nullable Object reply) {
    if (Long.valueOf(1).equals(reply)) {
      return Claimed.MINE;
    }
    return Long.valueOf(2).equals(reply) ? Claimed.PAUSED : Claimed.REFUSED;
  }

  @Override
  public Request renewal(String key, Claim claim) {
    String lease = text(claim.leaseMillis());
    return request(Scripts.RENEW, key, claim.lease(), lease, text(claim.keyMillis()));
  }

  @Override
  public boolean fill(String key, String lease, String json, long ttlMillis) {
    return run(Scripts.FILL, key, lease, kept(json), text(life(json, ttlMillis))) == 1;
  }

  @Override
  public void release(String key, String lease, long pauseMillis) {
    long unused = run(Scripts.RELEASE, key, lease, text(pauseMillis));
  }

  @Override
  public void forget(String key, String lease) {
    long unused = run(Scripts.RELEASE, key, lease, "");
  }

  @Override
  public Request removal(String key, String lease, long pauseMillis) {
    return request(Scripts.RELEASE, key, lease, text(pauseMillis));
  }

  @Override
  public boolean beginRefresh(String key, String token, long leaseMillis, long mostLifeMillis) {
    String lease = text(leaseMillis);
    return run(Scripts.BEGIN_REFRESH, key, RefreshMark.SIGN + token, lease, text(mostLifeMillis))
        == 1;
  }

  @Override
  public Request refreshRenewal(String key, String token, long leaseMillis) {
    return request(Scripts.RENEW_REFRESH, key, RefreshMark.SIGN + token, text(leaseMillis));
  }

  @Override
  public boolean endRefresh(String key, String token, String json, long ttlMillis) {
    String text = json.isEmpty() ? "" : kept(json);
    String life = text(life(json, ttlMillis));
    return run(Scripts.END_REFRESH, key, RefreshMark.SIGN + token, text, life) == 1;
  }

  @Override
  public void hold(List<String> keys, String token, long holdMillis, long keyMillis) {
    runEach(Scripts.HOLD, keys, token, text(holdMillis), text(keyMillis));
  }

  @Override
  public Request holdRenewal(String key, String token, long holdMillis, long keyMillis) {
    return request(Scripts.RENEW_HOLD, key, token, text(holdMillis), text(keyMillis));
  }

  @Override
  public void unhold(List<String> keys, String token) {
    runEach(Scripts.HOLD, keys, token, "0", "0");
  }

  @Override
  public Request holdRemoval(String key, String token) {
    return request(Scripts.HOLD, key, token, "0", "0");
  }

  @Override
  public List<Outcome<Claimed>> claimAll(List<Wanted> wanted) {
    return Scripts.CLAIM.runAll(redis, wanted.stream().map(this::claimRun).toList()).stream()
        .map(
            one ->
                new Outcome<>(
                    one.failure() == null ? claimed(one.reply()) : null,
                    one.failure(),
                    one.direct()))
        .toList();
  }

  private Run claimRun(Wanted wanted) {
    Claim claim = wanted.claim();
    return run(
        wanted.key(),
        claim.lease(),
        text(claim.leaseMillis()),
        text(claim.keyMillis()),
        wanted.replaceableSha1(),
        wanted.deadLease(),
        wanted.heedsPause() ? "1" : "");
  }

  @Override
  public List<Outcome<Object>> fillAll(List<Fill> fills) {
    List<Outcome<Object>> outcomes = new ArrayList<>();
    Batches.windows(
        fills,
        fill -> fill.json().length(),
        window ->
            outcomes.addAll(
                Scripts.FILL.runAll(
                    redis,
                    window.stream()
                        .map(
                            fill ->
                                run(
                                    fill.key(),
                                    fill.lease(),
                                    kept(fill.json()),
                                    text(life(fill.json(), fill.ttlMillis()))))
                        .toList())));
    return outcomes;
  }

  @Override
  public List<Outcome<Object>> releaseAll(Map<String, String> leases, long pauseMillis) {
    return releaseAll(leases, text(pauseMillis));
  }

  @Override
  public List<Outcome<Object>> forgetAll(Map<String, String> leases) {
    return releaseAll(leases, "");
  }

  private List<Outcome<Object>> releaseAll(Map<String, String> leases, String pause) {
    List<Run> runs = new ArrayList<>();
    leases.forEach((key, lease) -> runs.add(run(key, lease, pause)));
    return Scripts.RELEASE.runAll(redis, runs);
  }

  /**
   * What is stored: a value that its key outlives, so any but null if that is asked, has a mark.
   */
  private String kept(String json) {
    return outlives(json) ? staleMark.concat(json) : json;
  }

  private long life(String json, long ttlMillis) {
    return outlives(json) ? ttlMillis + staleMillis : ttlMillis;
  }

  private boolean outlives(String json) {
    return staleMillis > 0 && !json.equals("null");
  }

  private Run run(String key, String... args) {
    return new Run(List.of(names.of(key)), List.of(args));
  }

  private void runEach(LuaScript script, List<String> keys, String... args) {
    if (keys.size() == 1) {
      long unused = run(script, keys.get(0), args);
      return;
    }
    List<Run> runs = keys.stream().map(key -> run(key, args)).toList();
    List<Outcome<Object>> outcomes = script.runAll(redis, runs);
    Map<String, JedisException> failed = new LinkedHashMap<>();
    for (int i = 0; i < keys.size(); i++) {
      JedisException failure = outcomes.get(i).failure();
      if (failure != null) {
        failed.put(keys.get(i), failure);
      }
    }
    if (!failed.isEmpty()) {
      JedisException first = failed.values().iterator().next();
      throw new CacheBatchException(failed.keySet(), keys.size(), first);
    }
  }

  private Request request(LuaScript script, String key, String... args) {
    return new Request(script, List.of(names.of(key)), List.of(args));
  }

  private long run(LuaScript script, String key, String... args) {
    Object reply = script.run(redis, List.of(names.of(key)), List.of(args));
    return (Long) Objects.requireNonNull(reply);
  }

  private static String text(long number) {
    return String.valueOf(number);
  }

  /** Does something by Redis keys; if it fails, the exception has the caller's keys. */
  private <T> T named(Collection<String> keys, Supplier<T> batch) {
    try {
      return batch.get();
    } catch (CacheBatchException e) {
      Map<String, String> byName = new HashMap<>();
      keys.forEach(key -> byName.put(names.of(key), key));
      throw e.withKeys(name -> byName.getOrDefault(name, name));
    }
  }
}
