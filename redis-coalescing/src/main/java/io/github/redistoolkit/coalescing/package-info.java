/**
 * Commands of concurrent callers in one pipeline, over the pool or client that they share.
 *
 * <p>Use {@link io.github.redistoolkit.coalescing.Coalescing} where more threads call Redis at a
 * time than the pool has connections, and above all with virtual threads: 16 callers at a time and
 * more. It takes the place of the pool for the commands of an application, and for the modules of
 * the toolkit.
 *
 * <p>Do not use it where fewer threads call: it gains nothing there. Nor where one caller has many
 * commands, for which Jedis has pipelines; nor over a slow network with few lanes.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.coalescing;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
