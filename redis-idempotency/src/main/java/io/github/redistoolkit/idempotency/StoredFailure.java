package io.github.redistoolkit.idempotency;

/** A failure as a record holds it: the name of its class, a space, its message. */
final class StoredFailure {

  static final int LONGEST_MESSAGE = 8192;

  private StoredFailure() {}

  /** The body of a record; without the space if there is no message. */
  static String encode(Throwable failure) {
    String message = failure.getMessage();
    String type = failure.getClass().getName();
    return message == null ? type : type + ' ' + shortened(message);
  }

  private static String shortened(String message) {
    if (message.length() <= LONGEST_MESSAGE) {
      return message;
    }
    boolean splitsPair = Character.isHighSurrogate(message.charAt(LONGEST_MESSAGE - 1));
    return message.substring(0, splitsPair ? LONGEST_MESSAGE - 1 : LONGEST_MESSAGE);
  }

  static ReplayedFailureException decode(String body) {
    int space = body.indexOf(' ');
    return space < 0
        ? new ReplayedFailureException(body, null)
        : new ReplayedFailureException(body.substring(0, space), body.substring(space + 1));
  }
}
