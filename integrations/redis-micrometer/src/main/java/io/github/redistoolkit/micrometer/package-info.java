/**
 * Micrometer's meters for the modules of the toolkit: who listens to a lock, a limiter, a service
 * or a subscription, and who reads what a cache has counted.
 *
 * <p>Use it where the application has a {@link io.micrometer.core.instrument.MeterRegistry}. Every
 * tag is a label that the application gave, such as the name of a limiter, or one of a few fixed
 * words; ids, keys, channels and messages never are, so the number of meters is bounded. Each class
 * needs only the module that it measures.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.micrometer;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
