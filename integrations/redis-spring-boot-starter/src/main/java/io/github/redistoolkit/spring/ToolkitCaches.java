package io.github.redistoolkit.spring;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.CacheService;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.springframework.cache.Cache;
import org.springframework.cache.CacheManager;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * The caches behind {@code @Cacheable}, {@code @CachePut} and {@code @CacheEvict}, each of them a
 * {@link CacheService} of one type.
 *
 * <pre>{@code
 * @Bean
 * ToolkitCaches caches(Pool<Jedis> pool) { // or the client that the application has
 *   return ToolkitCaches.builder(pool)
 *       .cache("users", User.class, Duration.ofMinutes(10))
 *       .build();
 * }
 *
 * @Cacheable(cacheNames = "users", sync = true)
 * public User find(String id) { … }
 * }</pre>
 *
 * <p><b>Guarantee.</b> With {@code sync = true}, a value that many callers want at once is loaded
 * once for all JVMs. Without it, each caller that finds no value loads one. After
 * {@code @CacheEvict} or {@code @CachePut} has returned, no {@code sync} caller, in any JVM, gets a
 * value whose load began before. Nor is such a value stored. This holds only if all methods of a
 * cache are {@code sync}. A method that is not stores what it has read, even if it was read before
 * an eviction.
 *
 * <p><b>Keys.</b> Every Redis key begins with {@code cache:<name>:}. Text follows as it is; whole
 * numbers, UUIDs, booleans, characters and enum constants follow in their usual form. The key of a
 * method without parameters is {@code SimpleKey []}. Anything else is refused, such as several
 * parameters. Choose one of them with {@code key = …}.
 *
 * <p><b>Values</b> must be of the cache's type. They are stored as JSON, without class names. A
 * null is not kept unless {@link CacheService.Builder#nullTtl} is set. Putting a null removes the
 * entry.
 *
 * <p><b>Failure.</b> While Redis does not answer, {@code sync} callers load without it. Other
 * callers get Jedis's exception, unless the application has a {@code CacheErrorHandler}. What a
 * method throws is thrown to all who wait for it.
 *
 * <p>A cache that was not named here does not exist, so a misspelt name fails. {@link
 * Cache#getNativeCache} returns the {@link CacheService}. {@link #close} ends the threads of near
 * caches. The container closes a bean before it closes the client. Thread-safe.
 */
public final class ToolkitCaches implements CacheManager, AutoCloseable {

  static {
    ModuleVersion.check();
  }

  private final Map<String, ToolkitCache<?>> caches;

  private ToolkitCaches(Map<String, ToolkitCache<?>> caches) {
    this.caches = Map.copyOf(caches);
  }

  /**
   * Starts the caches of a pool.
   *
   * @param pool where connections come from; never closed here
   * @return a builder without caches
   * @throws NullPointerException if {@code pool} is null
   */
  public static Builder builder(Pool<Jedis> pool) {
    return new Builder(Connections.of(Objects.requireNonNull(pool, "pool")));
  }

  /**
   * Starts the caches of a client.
   *
   * @param client what reaches Redis; never closed here
   * @return a builder without caches
   * @throws NullPointerException if {@code client} is null
   */
  public static Builder builder(UnifiedJedis client) {
    return new Builder(Connections.of(Objects.requireNonNull(client, "client")));
  }

  @Override
  public @Nullable Cache getCache(String name) {
    return caches.get(name);
  }

  @Override
  public Collection<String> getCacheNames() {
    return caches.keySet();
  }

  /** Ends the threads of the caches. The entries stay. */
  @Override
  public void close() {
    caches.values().forEach(cache -> cache.getNativeCache().close());
  }

  /** Sets up {@link ToolkitCaches}. Not thread-safe. */
  public static final class Builder {

    private final Connections redis;
    private final Map<String, ToolkitCache<?>> caches = new LinkedHashMap<>();
    private String prefix = "cache:";

    private Builder(Connections redis) {
      this.redis = redis;
    }

    /**
     * Sets what stands before the name in the keys of all caches that are added later.
     *
     * @param prefix any text; {@code cache:} unless set
     * @return this builder
     * @throws NullPointerException if {@code prefix} is null
     */
    @CanIgnoreReturnValue
    public Builder prefix(String prefix) {
      this.prefix = Objects.requireNonNull(prefix, "prefix");
      return this;
    }

    /**
     * Adds a cache.
     *
     * @param name of the cache
     * @param type of its values
     * @param ttl how long an entry lives; from 1 ms to 100 years
     * @param <V> the type of its values
     * @return this builder
     * @throws NullPointerException if an argument is null
     * @throws IllegalArgumentException if there is one of this name, {@code ttl} is out of range,
     *     or no value of the type could be read back
     */
    @CanIgnoreReturnValue
    public <V> Builder cache(String name, Class<V> type, Duration ttl) {
      return cache(name, type, ttl, settings -> settings);
    }

    /**
     * Adds a cache with settings of its own, such as a near cache or how long a null is kept.
     *
     * @param name of the cache
     * @param type of its values
     * @param ttl how long an entry lives; from 1 ms to 100 years
     * @param settings what else is set
     * @param <V> the type of its values
     * @return this builder
     * @throws NullPointerException if an argument is null
     * @throws IllegalArgumentException as {@link #cache(String, Class, Duration)}
     */
    @CanIgnoreReturnValue
    public <V> Builder cache(
        String name, Class<V> type, Duration ttl, UnaryOperator<CacheService.Builder<V>> settings) {
      Objects.requireNonNull(type, "type");
      return add(
          name,
          type,
          ttl,
          settings,
          (to, start) ->
              to.over(
                  pool -> CacheService.builder(pool, start, type),
                  client -> CacheService.builder(client, start, type)));
    }

    /**
     * Adds a cache of a generic type, such as a list.
     *
     * @param name of the cache
     * @param type of its values
     * @param ttl how long an entry lives; from 1 ms to 100 years
     * @param settings what else is set
     * @param <V> the type of its values
     * @return this builder
     * @throws NullPointerException if an argument is null
     * @throws IllegalArgumentException as {@link #cache(String, Class, Duration)}
     */
    @CanIgnoreReturnValue
    public <V> Builder cache(
        String name,
        TypeToken<V> type,
        Duration ttl,
        UnaryOperator<CacheService.Builder<V>> settings) {
      Objects.requireNonNull(type, "type");
      return add(
          name,
          type.getRawType(),
          ttl,
          settings,
          (to, start) ->
              to.over(
                  pool -> CacheService.builder(pool, start, type),
                  client -> CacheService.builder(client, start, type)));
    }

    private <V> Builder add(
        String name,
        Class<? super V> type,
        Duration ttl,
        UnaryOperator<CacheService.Builder<V>> settings,
        BiFunction<Connections, String, CacheService.Builder<V>> make) {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(settings, "settings");
      if (caches.containsKey(name)) {
        throw new IllegalArgumentException("there is a cache of this name already: " + name);
      }
      for (String other : caches.keySet()) {
        if ((name + ":").startsWith(other + ":") || (other + ":").startsWith(name + ":")) {
          throw new IllegalArgumentException(
              "the caches " + other + " and " + name + " would share keys");
        }
      }
      CacheService.Builder<V> builder = make.apply(redis, prefix + name + ":").defaultTtl(ttl);
      caches.put(name, new ToolkitCache<>(name, type, ttl, settings.apply(builder).build()));
      return this;
    }

    /**
     * Returns the caches. Nothing is sent.
     *
     * @return what Spring takes them from
     * @throws IllegalStateException if none was added
     */
    public ToolkitCaches build() {
      if (caches.isEmpty()) {
        throw new IllegalStateException("there must be a cache");
      }
      return new ToolkitCaches(caches);
    }
  }
}
