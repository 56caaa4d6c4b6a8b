/** Runs a request's work once. */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
