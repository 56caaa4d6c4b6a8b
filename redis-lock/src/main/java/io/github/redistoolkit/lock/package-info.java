/** A distributed lock. */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
