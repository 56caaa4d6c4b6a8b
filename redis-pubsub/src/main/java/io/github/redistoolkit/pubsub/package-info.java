/** Typed subscriptions. */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.pubsub;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
