package io.github.redistoolkit.stream;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place in a stream.
 *
 * @param after the id that it comes after; {@code $} for the end
 * @param isAnId whether it was given as the id of a message
 * @param partition the partition that such an id names
 */
record StartingPoint(String after, boolean isAnId, OptionalInt partition) implements From {

  static final String END = "$";

  private static final Pattern OF_PARTITION = Pattern.compile("([^@]*)@([0-9]{1,4})");

  static final StartingPoint NOW = new StartingPoint(END);
  static final StartingPoint START = new StartingPoint("0-0");

  private static final Instant LAST = Instant.parse("9999-12-31T23:59:59.999Z");

  static StartingPoint of(From from) {
    return (StartingPoint) Objects.requireNonNull(from, "from");
  }

  private StartingPoint(String after) {
    this(after, false, OptionalInt.empty());
  }

  static StartingPoint after(String id) {
    Objects.requireNonNull(id, "id");
    Matcher parts = OF_PARTITION.matcher(id);
    return parts.matches()
        ? new StartingPoint(
            StreamIds.require(parts.group(1), "id"),
            true,
            OptionalInt.of(Integer.parseInt(parts.group(2))))
        : new StartingPoint(StreamIds.require(id, "id"), true, OptionalInt.empty());
  }

  /** The id as it was given. */
  String id() {
    return partition.isPresent() ? after + "@" + partition.getAsInt() : after;
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
