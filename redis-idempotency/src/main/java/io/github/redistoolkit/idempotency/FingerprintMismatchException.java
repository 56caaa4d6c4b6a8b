package io.github.redistoolkit.idempotency;

/**
 * The key was used before for a request with another fingerprint. Nothing was run; over HTTP this
 * is 422 Unprocessable Content.
 */
public final class FingerprintMismatchException extends IdempotencyException {

  private static final long serialVersionUID = 1L;

  FingerprintMismatchException() {
    super("this key was used before for a request with another fingerprint", null);
  }
}
