package io.github.redistoolkit.ratelimit;

import org.jspecify.annotations.Nullable;

/**
 * What the script is asked for.
 *
 * @param longest the longest wait in microseconds, or one of the constants
 * @param extra the most permits to take beside these, as far as they fit
 * @param hold for how many microseconds they may be kept before they are used
 * @param back permits to give back first
 * @param instant of the booking that is cancelled; or until which the permits given back might have
 *     been used, by the id's time; 0 if it is unknown
 * @param history in which that booking was made; 0 if there is none
 * @param tellsInstant whether the instant of the decision must be told
 * @param taker who takes permits ahead
 */
record Request(
    long longest,
    long extra,
    long hold,
    long back,
    long instant,
    long history,
    boolean tellsInstant,
    @Nullable Taker taker) {

  /**
   * Someone who takes permits ahead, and whose share is fair.
   *
   * @param number names it among the others; from 1 to 2³¹ - 1
   * @param own how many permits it has taken in the last period
   * @param wanted how many it was asked for in the last period
   * @param shared how many permits all takers together may have in a period
   */
  record Taker(int number, long own, long wanted, long shared) {}

  private static final long ONLY_ASK = -1;
  private static final long CHARGE = -2;
  private static final long CANCEL = -3;

  static Request take(long maxWaitMicros) {
    return new Request(maxWaitMicros, 0, 0, 0, 0, 0, maxWaitMicros > 0, null);
  }

  /** Takes permits, and wants to know when. */
  static Request book(long maxWaitMicros) {
    return new Request(maxWaitMicros, 0, 0, 0, 0, 0, true, null);
  }

  static Request ask() {
    return new Request(ONLY_ASK, 0, 0, 0, 0, 0, false, null);
  }

  /** Takes permits whatever the limits say. */
  static Request charge() {
    return new Request(CHARGE, 0, 0, 0, 0, 0, false, null);
  }

  static Request giveBack(long permits) {
    return new Request(ONLY_ASK, 0, 0, permits, 0, 0, false, null);
  }

  /**
   * Gives permits back that were taken ahead, as far as they still count, and only if they are what
   * this one was granted last, in the history that the id has now, and were not given back yet.
   *
   * @param holdMicros for how long they might have been kept
   * @param untilMicros the instant until which they might have been used
   * @param taker who had taken them
   */
  static Request giveBackAhead(long permits, long holdMicros, long untilMicros, Taker taker) {
    return new Request(ONLY_ASK, 0, holdMicros, permits, untilMicros, 0, false, taker);
  }

  /** Takes permits out of where they were booked, if the id still has that history. */
  static Request cancel(Booking booking) {
    return new Request(CANCEL, 0, 0, 0, booking.instantMicros(), booking.history(), false, null);
  }

  /**
   * Takes permits and, as far as they fit, some more that may be kept for a while; first gives back
   * some that were not used, and might have been until an instant, as {@link #giveBackAhead} does.
   */
  static Request takeAhead(long extra, long holdMicros, long back, long untilMicros, Taker taker) {
    return new Request(0, extra, holdMicros, back, untilMicros, 0, false, taker);
  }

  boolean onlyAsks() {
    return longest == ONLY_ASK;
  }

  /** Whether it takes permits now and does nothing else. */
  boolean isPlain() {
    return longest == 0 && back == 0 && instant == 0 && taker == null;
  }

  /** What the script of a plain call takes beside: nothing if it is not needed. */
  @Nullable String besidePlain(String clock) {
    return clock.isEmpty() && !tellsInstant ? null : clock;
  }

  /** What the script of any other call takes besides. */
  String rest() {
    String all =
        String.join(
            " ",
            Long.toString(longest),
            Long.toString(extra),
            Long.toString(hold),
            Long.toString(back),
            Long.toString(instant),
            Long.toString(history));
    return taker == null
        ? all
        : String.join(
            " ",
            all,
            Integer.toString(taker.number()),
            Long.toString(taker.own()),
            Long.toString(taker.wanted()),
            Long.toString(taker.shared()));
  }
}
