/**
 * A distributed lock with fencing tokens, whose holder is told when it loses it, and a semaphore
 * and a read-write lock of the same kind.
 *
 * <p>Use {@link io.github.redistoolkit.lock.RedisLock} where only one JVM at a time may do
 * something: run a job, refresh an index, or move money between accounts in a database that checks
 * {@link io.github.redistoolkit.lock.Lease#token}. Take the locks from {@link
 * io.github.redistoolkit.lock.RedisLocks} if their names are known only when they are needed.
 *
 * <p>Use {@link io.github.redistoolkit.lock.RedisSemaphore} where at most so many callers may do
 * something at a time, such as call a partner's API.
 *
 * <p>Use {@link io.github.redistoolkit.lock.RedisReadWriteLock} where many callers may read at once
 * what only one at a time may change, such as a directory of files, and where reading takes so long
 * that it matters.
 *
 * <p>Do not use it where the database that is written to can lock or compare by itself, which is
 * safer. Within one JVM, {@code java.util.concurrent} is faster. To limit how often something
 * happens, use redis-ratelimit. A lock in Redis makes an overlap rare, not impossible: see the
 * limits there.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
