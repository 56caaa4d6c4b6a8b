package io.github.redistoolkit.idempotency;

import org.jspecify.annotations.Nullable;

/**
 * The outcome of executing a request.
 *
 * @param result the result of the work, run now (the very object) or before (decoded anew); null if
 *     it was null
 * @param replayed whether the work was run before, so not now
 * @param attempt which attempt at the work succeeded; more than 1 if earlier owners vanished
 * @param <T> the type of the result
 */
public record Execution<T>(@Nullable T result, boolean replayed, int attempt) {}
