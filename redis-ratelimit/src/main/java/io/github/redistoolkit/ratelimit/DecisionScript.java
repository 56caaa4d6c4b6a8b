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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The script that decides; {@code decide.lua} says how. */
final class DecisionScript {

  private static final Pattern CONSTANT = Pattern.compile("(?m)^-- ([A-Z_]+) = (.+)$");
  private static final Pattern COMMENT = Pattern.compile("(?m)^ *--.*\\n");
  private static final Pattern NAME = Pattern.compile("\\b[A-Z][A-Z_]+\\b");
  private static final LuaScript DECIDE = LuaScript.of(withConstants(source("decide.lua")));

  /** What the reply says before it comes to the limits, and of each of them. */
  private static final int HEAD = 3;

  private static final int OF_LIMIT = 3;

  private DecisionScript() {}

  /**
   * An id that permits are wanted for.
   *
   * @param key of its state
   * @param permits that are wanted
   * @param limits that it is under
   * @param arguments these limits as the script takes them
   */
  record Subject(String key, long permits, List<Limit> limits, List<String> arguments) {}

  /**
   * Decides, and books if granted.
   *
   * @param clock microseconds; empty takes the server's
   * @param call the name of this call
   */
  static Booking run(
      RedisAccess redis, String clock, String call, Request request, List<Subject> subjects) {
    List<String> keys = new ArrayList<>(subjects.size());
    List<String> arguments = new ArrayList<>(16);
    arguments.add(request.rare(clock));
    arguments.add(call);
    arguments.add(Long.toString(request.longest()));
    for (Subject subject : subjects) {
      keys.add(subject.key());
      arguments.add(Long.toString(subject.permits()));
      arguments.addAll(subject.arguments());
    }
    List<?> reply = (List<?>) Objects.requireNonNull(DECIDE.run(redis, keys, arguments));
    return booking(reply, request, subjects);
  }

  /** Limits as the script takes them. */
  static List<String> arguments(List<Limit> limits) {
    List<String> arguments = new ArrayList<>(1 + 3 * limits.size());
    arguments.add(Integer.toString(limits.size()));
    for (Limit limit : limits) {
      arguments.add(Long.toString(limit.id()));
      arguments.add(Long.toString(limit.permits()));
      arguments.add(
          Long.toString(
              limit.kind() == Limit.Kind.SLIDING_WINDOW ? limit.grainMicros() : limit.refill()));
    }
    return List.copyOf(arguments);
  }

  private static Booking booking(List<?> reply, Request request, List<Subject> subjects) {
    long wait = number(reply, 2);
    boolean allowed = request.onlyAsks() ? wait == 0 : number(reply, 0) > 0;
    List<Decision.OfLimit> states = new ArrayList<>();
    for (Subject subject : subjects) {
      for (Limit limit : subject.limits()) {
        int at = HEAD + OF_LIMIT * states.size();
        boolean never = !allowed && subject.permits() > limit.permits();
        states.add(
            new Decision.OfLimit(
                limit,
                number(reply, at),
                never ? Optional.empty() : Optional.of(micros(number(reply, at + 1))),
                micros(number(reply, at + 2))));
      }
    }
    Decision decision =
        decision(allowed, allowed ? Duration.ZERO : micros(wait), List.copyOf(states));
    return new Booking(decision, number(reply, 0), number(reply, 1), wait);
  }

  private static Decision decision(
      boolean allowed, Duration retryAfter, List<Decision.OfLimit> states) {
    Decision.OfLimit tightest = states.get(0);
    long remaining = tightest.remaining();
    Duration reset = tightest.resetAfter();
    for (Decision.OfLimit state : states) {
      int later = wait(state).compareTo(wait(tightest));
      if (later > 0 || (later == 0 && state.remaining() < tightest.remaining())) {
        tightest = state;
      }
      remaining = Math.min(remaining, state.remaining());
      reset = reset.compareTo(state.resetAfter()) < 0 ? state.resetAfter() : reset;
    }
    return new Decision(
        allowed,
        tightest.limit(),
        remaining,
        Optional.of(retryAfter),
        reset,
        states,
        Optional.empty());
  }

  private static Duration wait(Decision.OfLimit state) {
    return state.retryAfter().orElse(Duration.ZERO);
  }

  private static Duration micros(long micros) {
    return Duration.of(micros, ChronoUnit.MICROS);
  }

  private static long number(List<?> reply, int index) {
    return (Long) Objects.requireNonNull(reply.get(index));
  }

  /** Puts the values of the constants in, and leaves the comments out. */
  private static String withConstants(String source) {
    Map<String, String> constants = new HashMap<>();
    Matcher constant = CONSTANT.matcher(source);
    while (constant.find()) {
      constants.put(constant.group(1), constant.group(2));
    }
    return NAME.matcher(COMMENT.matcher(source).replaceAll(""))
        .replaceAll(
            name -> Matcher.quoteReplacement(constants.getOrDefault(name.group(), name.group())));
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
