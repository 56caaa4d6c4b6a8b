package io.github.redistoolkit.stream;

/** Why a message is a dead letter though no handler threw. */
final class DeliveryEndedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  DeliveryEndedException(String message) {
    super(message);
  }
}
