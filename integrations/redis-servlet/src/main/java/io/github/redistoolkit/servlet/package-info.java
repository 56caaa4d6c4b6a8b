/**
 * Rate limits and idempotency keys for HTTP, as filters for any container of Jakarta Servlet 6.
 *
 * <p>{@link io.github.redistoolkit.servlet.RateLimitFilter} refuses with 429 and says so in the
 * header fields of the IETF's draft; {@link io.github.redistoolkit.servlet.IdempotencyFilter} has a
 * request that carries an {@code Idempotency-Key} handled once, and replays its response to whoever
 * repeats it. What they refuse is answered with {@code application/problem+json} (RFC 9457), which
 * never repeats anything of the request.
 *
 * <p>For blocking requests: a response that is written asynchronously, or streamed without an end,
 * can be limited, but not be replayed.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.servlet;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
