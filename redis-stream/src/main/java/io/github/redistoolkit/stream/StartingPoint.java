package io.github.redistoolkit.stream;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;

/**
 * A place in a stream.
 *
 * @param after the id that it comes after; {@code $} for the end
 */
record StartingPoint(String after) implements From {

  static final String END = "$";

  static final StartingPoint NOW = new StartingPoint(END);
  static final StartingPoint START = new StartingPoint("0-0");

  private static final Instant LAST = Instant.parse("9999-12-31T23:59:59.999Z");

  static StartingPoint of(From from) {
    return (StartingPoint) Objects.requireNonNull(from, "from");
  }

  static StartingPoint after(String id) {
    return new StartingPoint(StreamIds.require(id, "id"));
  }

  static StartingPoint time(Instant time) {
    Objects.requireNonNull(time, "time");
    if (time.isBefore(Instant.EPOCH) || time.isAfter(LAST)) {
      throw new IllegalArgumentException(
          "time must be from " + Instant.EPOCH + " to " + LAST + ", but is " + time);
    }
    // Rounded up, so that nothing earlier is among them.
    long millis =
        time.toEpochMilli() + (time.truncatedTo(ChronoUnit.MILLIS).isBefore(time) ? 1 : 0);
    return millis == 0 ? START : new StartingPoint((millis - 1) + "-" + StreamIds.LARGEST_SEQUENCE);
  }
}
