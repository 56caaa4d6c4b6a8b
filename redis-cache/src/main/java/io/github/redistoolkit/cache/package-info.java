/**
 * A typed JSON cache over the Jedis client you already have: batches, loading that happens once in
 * the whole fleet, and invalidation that survives a crash.
 *
 * <p>{@link io.github.redistoolkit.cache.CacheService} stores values of one type; {@link
 * io.github.redistoolkit.cache.CacheAside} puts it in front of a repository; {@link
 * io.github.redistoolkit.cache.CacheGroup} has entries that are invalidated together.
 *
 * <p>Use it for data that is read far more often than it changes, costs more to make than a round
 * trip to Redis, and can be made again at any time. Do not use it as the only home of anything:
 * every entry expires, and Redis may evict it earlier. Where a read must see the last write of any
 * JVM whatever happens, ask the database.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.cache;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
