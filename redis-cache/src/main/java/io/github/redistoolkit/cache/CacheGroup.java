package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Entries of a cache that are invalidated together, such as everything that was made from one
 * customer's data. Made by {@link CacheService#group}. An entry may depend on several names. Then
 * the invalidation of any of them invalidates it.
 *
 * <p><b>Guarantee.</b> Once {@link CacheService#invalidateGroup} has returned, no read that begins
 * then, in any JVM, gets an entry that was stored before. Nor does it get the result of a load that
 * was already under way. All entries are gone at the same moment, by one round trip whatever their
 * number, in a Cluster too. A near cache may serve them for a second more.
 *
 * <p><b>How.</b> Each name has a version in Redis, and the versions are part of the Redis keys of
 * the entries: the prefix, {@code #in:}, the versions and the key. A read asks for the versions
 * first, and then for the entry: two round trips, without a near cache. Nobody finds entries of old
 * versions, and they expire. A version ends {@value #VERSION_DAYS} days after it was made, or when
 * Redis evicts it. The next read makes a new one, and that invalidates the entries too.
 *
 * <p><b>Limits.</b> An entry belongs to the group in which it was stored, and is found only through
 * a group of the same names. After a failover, Redis may have forgotten an invalidation. Otherwise
 * it is as for {@link CacheService}. Thread-safe, and cheap to make.
 *
 * @param <V> the type of the values
 */
public final class CacheGroup<V> {

  static final int VERSION_DAYS = 30;

  private static final int VERSION_LENGTH = 36;

  private static final Duration VERSION_TTL = Duration.ofDays(VERSION_DAYS);

  private final CacheService<V> entries;
  private final CacheService<String> versions;
  private final List<String> names;

  CacheGroup(CacheService<V> entries, CacheService<String> versions, List<String> names) {
    this.entries = entries;
    this.versions = versions;
    this.names = names;
  }

  /**
   * Reads a value; see {@link CacheService#get}.
   *
   * @param key the key within the group
   * @return the value; empty if there is none
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty
   * @throws IllegalStateException if the cache is closed
   * @throws JedisException if Redis fails
   */
  public Optional<V> get(String key) {
    String inside = current(key);
    return inside == null ? Optional.empty() : entries.getWithin(inside);
  }

  /**
   * Stores a value; see {@link CacheService#set(String, Object, Duration)}. If the group is
   * invalidated at the same time the value may be invalidated with it; while it is held by {@link
   * CacheService#beginGroupUpdate} nothing is stored.
   *
   * @param key the key within the group
   * @param value the value
   * @param ttl how long it lives; from 1 ms to 100 years
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, the value has no JSON, or {@code ttl} is
   *     out of range
   * @throws IllegalStateException if the cache is closed
   * @throws JedisException if Redis fails
   */
  public void set(String key, V value, Duration ttl) {
    requireNonNull(value, "value");
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    String inside = current(key);
    if (inside != null) {
      entries.setWithin(inside, value, ttlMillis);
    }
  }

  /**
   * Reads a value, and loads it if there is none; see {@link CacheService#getOrLoad(String,
   * Duration, Loader)}.
   *
   * @param key the key within the group
   * @param ttl how long a loaded value lives; from 1 ms to 100 years
   * @param loader loads the value
   * @return the value; null if the loader returned null
   * @throws RuntimeException as {@code CacheService.getOrLoad} throws it
   */
  public @Nullable V getOrLoad(String key, Duration ttl, Loader<? extends V> loader) {
    requireNonNull(loader, "loader");
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    entries.requireKey(key);
    Patience patience = entries.patience();
    String inside;
    try {
      inside = currentForLoad(key, patience);
    } catch (JedisException e) {
      return entries.loadUncached(uncached(key), e, patience, loader);
    }
    return inside == null
        ? entries.loadUncached(uncached(key), null, patience, loader)
        : entries.getOrLoadWithin(inside, ttlMillis, patience, loader);
  }

  /**
   * Reads a value, and loads it if there is none, without a thread that waits for that; see {@link
   * CacheService#getOrLoadAsync}. Shares its loads with {@link #getOrLoad}.
   *
   * @param key the key within the group
   * @param ttl how long a loaded value lives; from 1 ms to 100 years
   * @param loader begins to load the value; must not ask for the same key
   * @return what ends with the value, with null if the loader gave that, or as {@code
   *     CacheService.getOrLoadAsync} fails; with an {@link IllegalStateException} too if called for
   *     a key by its own loader
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, or {@code ttl} is out of range
   * @throws IllegalStateException if the cache is closed
   */
  public CompletableFuture<@Nullable V> getOrLoadAsync(
      String key, Duration ttl, AsyncLoader<? extends V> loader) {
    requireNonNull(loader, "loader");
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    entries.requireKey(key);
    Patience patience = entries.patience();
    AsyncLoads.Place place =
        new AsyncLoads.Place(uncached(key), () -> currentForLoad(key, patience));
    return entries.getOrLoadAsyncWithin(nearKey(key), place, ttlMillis, patience, loader);
  }

  /**
   * Deletes a value; see {@link CacheService#delete}.
   *
   * @param key the key within the group
   * @return whether there was an entry
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty
   * @throws IllegalStateException if the cache is closed
   * @throws JedisException if Redis fails
   */
  @CanIgnoreReturnValue
  public boolean delete(String key) {
    String inside = current(key);
    return inside != null && entries.deleteWithin(inside);
  }

  /** What tells loads without Redis of this group from those of others. */
  private String uncached(String key) {
    return "#in:" + names + ":" + key;
  }

  /** The same as {@link #current}; null also while Redis is not to be asked. */
  private @Nullable String currentForLoad(String key, Patience patience) {
    String near = nearKey(key);
    return near == null ? versions.askForLoad(names, patience, () -> current(key)) : near;
  }

  /** The same if the near cache has all versions; else null. */
  private @Nullable String nearKey(String key) {
    List<String> near =
        names.stream()
            .map(versions::nearValue)
            .filter(Objects::nonNull)
            .filter(CacheGroup::isVersion)
            .toList();
    return near.size() == names.size() ? inside(near, key) : null;
  }

  /** The key with the versions of this moment; null if one of the names is held by an update. */
  private @Nullable String current(String key) {
    entries.requireKey(key);
    List<String> now = new ArrayList<>();
    if (names.size() == 1) {
      versions.get(names.get(0)).filter(CacheGroup::isVersion).ifPresent(now::add);
    } else {
      Map<String, String> all = versions.getAll(names);
      names.forEach(
          name ->
              Optional.ofNullable(all.get(name)).filter(CacheGroup::isVersion).ifPresent(now::add));
    }
    if (now.size() < names.size()) {
      now.clear();
      for (String name : names) {
        String version = oneOfMany(name);
        if (version == null) {
          return null;
        }
        now.add(version);
      }
    }
    return inside(now, key);
  }

  private static String inside(List<String> versions, String key) {
    return "#in:" + String.join("+", versions) + ":" + key;
  }

  /** The version of a name; where there are several, a failure says of which. */
  private @Nullable String oneOfMany(String name) {
    try {
      return version(name);
    } catch (JedisException e) {
      throw names.size() == 1 ? e : new CacheBatchException(List.of(name), names.size(), e);
    }
  }

  private @Nullable String version(String name) {
    Optional<String> present = versions.getFresh(name).filter(CacheGroup::isVersion);
    if (present.isEmpty()) {
      // Something of others, which nobody may find a version in, would keep the group from caching.
      versions.deleteUnless(name, CacheGroup::isVersion);
      String made = UUID.randomUUID().toString();
      if (versions.putIfAbsent(name, made, VERSION_TTL)) {
        return made;
      }
      present = versions.getFresh(name).filter(CacheGroup::isVersion);
    }
    return present.orElse(null);
  }

  /** Whether this may be a part of Redis keys: what others put there may be anything. */
  private static boolean isVersion(String text) {
    return text.length() == VERSION_LENGTH
        && text.chars().allMatch(c -> c == '-' || (c < 128 && Character.digit(c, 16) >= 0));
  }
}
