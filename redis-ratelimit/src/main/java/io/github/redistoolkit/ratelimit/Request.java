package io.github.redistoolkit.ratelimit;

/**
 * What the script is asked for.
 *
 * @param longest the longest wait in microseconds, or one of the constants
 * @param extra the most permits to take beside these, as far as they fit
 * @param hold for how many microseconds they may be kept before they are used
 * @param back permits to give back first
 * @param booked the instant of the booking that is cancelled
 */
record Request(long longest, long extra, long hold, long back, long booked) {

  private static final long ONLY_ASK = -1;
  private static final long CHARGE = -2;
  private static final long CANCEL = -3;

  static Request take(long maxWaitMicros) {
    return new Request(maxWaitMicros, 0, 0, 0, 0);
  }

  static Request ask() {
    return new Request(ONLY_ASK, 0, 0, 0, 0);
  }

  /** Takes permits whatever the limits say. */
  static Request charge() {
    return new Request(CHARGE, 0, 0, 0, 0);
  }

  static Request giveBack(long permits) {
    return new Request(ONLY_ASK, 0, 0, permits, 0);
  }

  /** Takes permits out of where they were booked. */
  static Request cancel(long instantMicros) {
    return new Request(CANCEL, 0, 0, 0, instantMicros);
  }

  /**
   * Takes permits and, as far as they fit, some more that may be kept for a while; first gives back
   * some that were not used.
   */
  static Request takeAhead(long extra, long holdMicros, long back) {
    return new Request(0, extra, extra == 0 ? 0 : holdMicros, back, 0);
  }

  boolean onlyAsks() {
    return longest == ONLY_ASK;
  }

  /** What the script takes as its rarer arguments: nothing at all if they are not needed. */
  String rare(String clock) {
    return clock.isEmpty() && extra == 0 && hold == 0 && back == 0 && booked == 0
        ? ""
        : "%s %d %d %d %d".formatted(clock.isEmpty() ? "-" : clock, extra, hold, back, booked);
  }
}
