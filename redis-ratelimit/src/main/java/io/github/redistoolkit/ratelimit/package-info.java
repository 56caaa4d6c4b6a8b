/**
 * Rate limits that hold in every window, shared by many JVMs.
 *
 * <p>Use it to bound how often something may happen per user, key or peer across a whole service:
 * requests to an API, mails sent, calls to somebody else's API ({@link
 * io.github.redistoolkit.ratelimit.RateLimiter#tryAcquire(String, long, java.time.Duration) a
 * waiting tryAcquire} paces those).
 *
 * <p>Do not use it to bound how many things happen at the same time (that is a semaphore), inside
 * one JVM alone (no network is needed for that), or where a network round trip per decision costs
 * more than what is limited.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
