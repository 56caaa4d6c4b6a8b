package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.testing.History;

/**
 * What Redis decided about those who do not wait, as events at the instants of its own clock, so
 * that a history of them is exact. They go on as soon as it is decided, whatever instant it names.
 */
final class Bookings {

  static final String GRANTED = "granted";
  static final String REFUSED = "refused";

  private Bookings() {}

  static void record(History history, String id, Booking booking) {
    record(history, booking.decision().allowed() ? GRANTED : REFUSED, id, asked(booking));
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
