/**
 * Rate limits and idempotency keys for HTTP, as filters for any container of Jakarta Servlet 6.
 *
 * <p>{@link io.github.redistoolkit.servlet.RateLimitFilter} refuses requests with 429, and has the
 * header fields of the IETF's draft. {@link io.github.redistoolkit.servlet.IdempotencyFilter} lets
 * a request with an {@code Idempotency-Key} be handled once, and replays its response to whoever
 * repeats it. Refusals are {@code application/problem+json} (RFC 9457), and never repeat anything
 * of the request.
 *
 * <p>Both are for blocking requests. A response that is written asynchronously, or streamed without
 * an end, can be limited, but cannot be replayed.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.servlet;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
