/**
 * Commands of concurrent callers in one pipeline, over the pool or client that they share.
 *
 * <p>Use {@link io.github.redistoolkit.coalescing.Coalescing} where many more threads call Redis at
 * a time than the pool has connections, and above all with hundreds of virtual threads. It takes
 * the place of the pool for the commands of an application, and for the modules of the toolkit.
 *
 * <p>Do not use it where fewer threads call: it gains nothing there. If one caller has many
 * commands, use Jedis's pipelines. Over a slow network, do not use it with fewer lanes than the
 * pool has connections.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.coalescing;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
