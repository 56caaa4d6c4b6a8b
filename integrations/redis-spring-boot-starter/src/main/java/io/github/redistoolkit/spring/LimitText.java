package io.github.redistoolkit.spring;

import io.github.redistoolkit.ratelimit.Limit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.convert.DurationStyle;

/** Limits as a property has them: {@code 100/1m,10/1s}. */
final class LimitText {

  private LimitText() {}

  /**
   * Reads them.
   *
   * @param property where they stand
   * @param text permits and the window in which they may be granted, for each limit
   * @return at least one, each named after its text, such as {@code 100-per-1m}
   * @throws InvalidConfigurationPropertyValueException if it is malformed or out of range
   */
  static List<Limit> parse(String property, String text) {
    List<Limit> limits = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      String[] sides = part.strip().split("/", -1);
      if (sides.length != 2) {
        throw invalid(property, text, "'" + part + "' is not of the form 100/1m");
      }
      try {
        long permits = Long.parseLong(sides[0].strip());
        String length = sides[1].strip();
        if (!length.matches("\\d+[A-Za-z]{1,2}")) {
          throw invalid(property, text, "'" + part + "' needs a unit of time, as in 100/1m");
        }
        Duration window = DurationStyle.SIMPLE.parse(length);
        limits.add(Limit.of(permits, window).named(permits + "-per-" + length));
      } catch (IllegalArgumentException e) {
        throw invalid(property, text, "'" + part + "' is no limit: " + e.getMessage());
      }
    }
    return limits;
  }

  private static InvalidConfigurationPropertyValueException invalid(
      String property, String text, String why) {
    return new InvalidConfigurationPropertyValueException(property, text, why);
  }
}
