package io.github.redistoolkit.testing;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What a run is narrowed to: {@code -Dredis.client} names kinds of clients, {@code
 * -Dredis.topology} topologies, several with commas between.
 */
final class Narrowing {

  private static final Pattern COMMA = Pattern.compile(",");

  private Narrowing() {}

  /** What a property names; empty if the run is not narrowed by it. */
  static <E extends Enum<E>> Set<E> to(String property, Class<E> type) {
    Set<E> named = EnumSet.noneOf(type);
    COMMA
        .splitAsStream(System.getProperty(property, ""))
        .filter(name -> !name.isBlank())
        .forEach(name -> named.add(constant(property, name.strip(), type)));
    return named;
  }

  private static <E extends Enum<E>> E constant(String property, String name, Class<E> type) {
    return Arrays.stream(type.getEnumConstants())
        .filter(each -> each.name().equals(name.toUpperCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    property
                        + " must name some of "
                        + Arrays.toString(type.getEnumConstants())
                        + ", but has "
                        + name));
  }

  /** Whether a suite may have nothing to run in this run. */
  static boolean isAsked() {
    return !System.getProperty("redis.client", "").isBlank()
        || !System.getProperty("redis.topology", "").isBlank();
  }
}
