package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The script that decides, with the limits it decides under; {@code decide.lua} says how. */
final class DecisionScript {

  /** The longest wait of a call that asks and takes nothing. */
  static final long ONLY_ASK = -1;

  private static final LuaScript DECIDE = LuaScript.of(source("decide.lua"));

  private final List<Limit> limits;
  private final List<String> limitArguments;

  DecisionScript(List<Limit> limits) {
    this.limits = limits;
    this.limitArguments = limits.stream().flatMap(limit -> arguments(limit).stream()).toList();
  }

  /**
   * Decides, and books if granted.
   *
   * @param keys the states of the limits, in their order
   * @param time microseconds; empty takes the server's
   */
  Booking run(RedisAccess redis, List<String> keys, String time, long permits, long maxWaitMicros) {
    List<String> arguments = new ArrayList<>(3 + limitArguments.size());
    arguments.add(time);
    arguments.add(Long.toString(permits));
    arguments.add(Long.toString(maxWaitMicros));
    arguments.addAll(limitArguments);
    List<?> reply = (List<?>) Objects.requireNonNull(DECIDE.run(redis, keys, arguments));
    return booking(reply, maxWaitMicros);
  }

  private Booking booking(List<?> reply, long maxWaitMicros) {
    long instant = number(reply, 3);
    long wait = number(reply, 4);
    boolean allowed = maxWaitMicros == ONLY_ASK ? wait == 0 : number(reply, 0) == 1;
    Decision decision =
        new Decision(
            allowed,
            limits.get((int) number(reply, 1)),
            number(reply, 2),
            allowed ? Duration.ZERO : Duration.of(wait, ChronoUnit.MICROS),
            Duration.of(number(reply, 5), ChronoUnit.MICROS),
            false);
    return new Booking(decision, instant, wait);
  }

  private static long number(List<?> reply, int index) {
    return (Long) Objects.requireNonNull(reply.get(index));
  }

  private static List<String> arguments(Limit limit) {
    long last =
        limit.kind() == Limit.Kind.SLIDING_WINDOW ? limit.grainMicros() : limit.fillMicros();
    return List.of(
        Long.toString(limit.permits()),
        Long.toString(limit.periodMicros()),
        Long.toString(limit.refill()),
        Long.toString(last));
  }

  private static String source(String resource) {
    try (InputStream in = DecisionScript.class.getResourceAsStream(resource)) {
      return new String(
          Objects.requireNonNull(in, resource).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(resource, e);
    }
  }
}
