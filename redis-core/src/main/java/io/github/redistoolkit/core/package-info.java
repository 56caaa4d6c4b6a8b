/**
 * The mechanism that the modules of the toolkit share: one view of every Jedis client, scripts, own
 * connections, JSON and argument checks.
 *
 * <p>Not an API of its own: it may change with every version, and none of its types appears in a
 * public signature of another module. What does is in the package {@code
 * io.github.redistoolkit.json}, which is API. Depend on redis-cache, redis-idempotency, redis-lock,
 * redis-ratelimit, redis-pubsub or redis-stream instead.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
