/**
 * Micrometer's meters for the modules of the toolkit. There are listeners for locks, limiters,
 * idempotency services, subscriptions and topics, and a reader of what a cache has counted.
 *
 * <p>Use it where the application has a {@link io.micrometer.core.instrument.MeterRegistry}. Every
 * tag is a label that the application gave, such as the name of a limiter, or one of a few fixed
 * words. Ids, keys, channels and messages are never tags, so the number of meters is bounded. Each
 * class needs only the module that it measures.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.micrometer;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
