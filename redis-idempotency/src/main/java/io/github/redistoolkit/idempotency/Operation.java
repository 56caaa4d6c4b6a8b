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
   * @param claim the right to do it: tells whether an earlier owner vanished, and can be extended.
   *     It need not be ended; if the work does end it, it stays as the work has left it
   * @return its result, which may be null
   * @throws E if the work failed; what that means is said by {@link
   *     IdempotencyService.Builder#onFailure}
   */
  @Nullable T run(Claim<T> claim) throws E;
}
