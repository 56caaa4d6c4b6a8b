/**
 * Rate limits that hold in every window, shared by many JVMs.
 *
 * <p>Use it to bound how often something may happen per user, key or peer across a whole service:
 * requests to an API, mails sent, calls to somebody else's API ({@link
 * io.github.redistoolkit.ratelimit.RateLimiter#tryAcquire(String, long, java.time.Duration) a
 * waiting tryAcquire} paces those).
 *
 * <p>Do not use it to bound how many things happen at the same time: that is a semaphore. Within
 * one JVM no network is needed. And where a round trip for each decision costs more than what is
 * limited, it does not pay.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
