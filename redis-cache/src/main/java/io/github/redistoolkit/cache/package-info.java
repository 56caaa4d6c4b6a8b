/** A typed JSON cache. */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.cache;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
