/**
 * Confirmed, typed, self-healing Redis subscriptions over the Jedis client you already have.
 *
 * <p>{@link io.github.redistoolkit.pubsub.RedisPubSub} publishes values as JSON, or plain text, and
 * hands them to typed handlers: over channels, patterns, sharded channels, and for what happens to
 * keys. Use it for what may be lost and must be quick: invalidations, live updates, wake-up calls.
 * A subscription is confirmed before the caller goes on, survives restarts and failovers, and tells
 * when it was away.
 *
 * <p>Do not use it for work that must not be lost: Redis keeps no message for a subscriber that is
 * away or too slow. That is a job for Redis Streams or a message broker.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.pubsub;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
