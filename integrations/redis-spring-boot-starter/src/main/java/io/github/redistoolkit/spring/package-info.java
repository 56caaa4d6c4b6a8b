/**
 * The toolkit in an application of Spring Boot 4.0 or later. It has beans over the application's
 * Redis, set by {@code redis.toolkit.*}, and a {@link io.github.redistoolkit.spring.ToolkitCaches
 * CacheManager} whose caches keep the guarantees of redis-cache.
 *
 * <p>The Redis is that of the application's {@code UnifiedJedis} or {@code Pool<Jedis>}. Without
 * one, a pool or client is made from {@code spring.data.redis.*} or a {@code @ServiceConnection}.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.spring;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
