/**
 * Runs the work behind a request once, and gives its result to everyone who asks again.
 *
 * <p>Use it where a request may arrive twice (a client's retry, a redelivered message, a double
 * click) and its effect must not happen twice: payments, orders, mails. {@link
 * io.github.redistoolkit.idempotency.IdempotencyService} is the whole of it.
 *
 * <p>Do not use it to serialize different work on one resource: that is a lock. Do not use it to
 * save work whose repetition would be harmless: that is a cache. And where the effect and the
 * record of it can be one transaction of your database, that is stronger than any record beside it.
 */
@NullMarked
@CheckReturnValue
package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
