/**
 * The toolkit in a Spring Boot application, 4.0 or later: beans over the Redis that the application
 * has, set by {@code redis.toolkit.*}, and a {@link io.github.redistoolkit.spring.ToolkitCaches
 * CacheManager} whose caches keep the guarantees of redis-cache.
 *
 * <p>The Redis is that of the application's {@code UnifiedJedis} or {@code Pool<Jedis>}; without
 * one, a pool is made from what {@code spring.data.redis.*} or a {@code @ServiceConnection} say.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.spring;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
