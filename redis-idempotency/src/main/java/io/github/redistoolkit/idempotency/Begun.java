package io.github.redistoolkit.idempotency;

import java.util.Optional;

/**
 * The outcome of beginning one request of a batch: a claim or a refusal.
 *
 * @param request the request
 * @param claim the claim, for the caller to work on or a replay, and to be closed; empty if it was
 *     refused
 * @param refusal why it was refused; empty if it was not
 * @param <T> the type of the result
 */
public record Begun<T>(
    Request request, Optional<Claim<T>> claim, Optional<IdempotencyException> refusal) {

  static <T> Begun<T> claimed(Request request, Claim<T> claim) {
    return new Begun<>(request, Optional.of(claim), Optional.empty());
  }

  static <T> Begun<T> refused(Request request, IdempotencyException refusal) {
    return new Begun<>(request, Optional.empty(), Optional.of(refusal));
  }
}
