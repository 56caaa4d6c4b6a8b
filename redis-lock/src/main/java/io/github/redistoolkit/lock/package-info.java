/**
 * A distributed lock with fencing tokens, whose holder is told when it loses it, and a semaphore
 * and a read-write lock of the same kind.
 *
 * <p>Use {@link io.github.redistoolkit.lock.RedisLock} so that of several JVMs one at a time does
 * something: runs a job, refreshes an index, moves money between accounts that a database then
 * checks with {@link io.github.redistoolkit.lock.Lease#token}. Take the locks from {@link
 * io.github.redistoolkit.lock.RedisLocks} if their names are known only when they are needed.
 *
 * <p>Use {@link io.github.redistoolkit.lock.RedisSemaphore} so that no more than a number of
 * callers do something at a time, such as to call a partner's API.
 *
 * <p>Use {@link io.github.redistoolkit.lock.RedisReadWriteLock} where many may read at a time what
 * one at a time changes, such as a directory of files, and reading takes so long that it matters.
 *
 * <p>Do not use it where the database that is written to can lock or compare by itself, which is
 * safer; nor within one JVM, where {@code java.util.concurrent} is faster; nor to limit how often
 * something happens, which redis-ratelimit does. A lock in Redis makes an overlap rare, not
 * impossible: see the limits there.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
