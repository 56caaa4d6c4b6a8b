package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.testing.History;

/**
 * What Redis decided, as events at the instants of its own clock, so that a history of them is
 * exact: of a grant the instant that was granted, of a refusal the one at which it was refused.
 */
final class Bookings {

  static final String GRANTED = "granted";
  static final String REFUSED = "refused";

  private Bookings() {}

  static void record(History history, String id, Booking booking) {
    boolean granted = booking.decision().allowed();
    record(history, granted ? GRANTED : REFUSED, id, granted ? instant(booking) : asked(booking));
  }

  static void record(History history, String kind, String id, long micros) {
    history.add(kind, id, "", micros * 1000, micros * 1000);
  }

  /** When the permits fit. */
  static long instant(Booking booking) {
    return booking.instantMicros();
  }

  /** When it was decided. */
  static long asked(Booking booking) {
    return booking.instantMicros() - booking.waitMicros();
  }
}
