/** Rate limits. */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
