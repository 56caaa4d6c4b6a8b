/**
 * How values become JSON: for teams that keep the mapper they have.
 *
 * <p>Implement {@link io.github.redistoolkit.json.JsonCodec}, two methods, and give it to a
 * module's builder where it takes a {@code Gson} otherwise. Whoever is content with the default
 * needs nothing from here.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.json;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
