package io.github.redistoolkit.idempotency;

import org.jspecify.annotations.Nullable;

/**
 * The work behind a request, which {@link IdempotencyService#execute} runs at most once.
 *
 * @param <T> the type of its result
 * @param <E> the checked exception it throws; {@link RuntimeException} if none
 */
@FunctionalInterface
public interface Operation<T, E extends Exception> {

  /**
   * Does the work.
   *
   * @return its result, which may be null
   * @throws E if the work failed, without an effect that must not be repeated
   */
  @Nullable T run() throws E;
}
