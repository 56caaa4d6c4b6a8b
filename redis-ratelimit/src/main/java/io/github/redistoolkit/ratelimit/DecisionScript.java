package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.core.LuaFile;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import java.nio.ByteBuffer;
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
  private static final LuaScript DECIDE =
      LuaScript.of(withConstants(LuaFile.text(DecisionScript.class, "decide.lua")));

  private static final int NAME_BYTES = 8;
  private static final int SUBJECT_BYTES = 5;
  private static final int LIMIT_BYTES = 16;
  private static final int PLAIN_BYTES = 12;

  /** What the reply says before it comes to the limits, and of each of them. */
  private static final int HEAD = 4;

  private static final int OF_LIMIT = 3;

  /** How long the reply of a plain call is, for each limit, that grants, that refuses. */
  private static final int GRANTED = 11;

  private static final int REFUSED = 18;
  private static final int INSTANT = 7;

  private DecisionScript() {}

  /**
   * An id that permits are wanted for.
   *
   * @param key of its state
   * @param permits that are wanted
   * @param limits that it is under
   */
  record Subject(String key, long permits, List<Limit> limits) {}

  /**
   * Decides, and books if granted.
   *
   * @param clock microseconds; empty takes the server's
   * @param call the name of this call, 8 characters of ASCII
   */
  static Booking run(
      RedisAccess redis, String clock, String call, Request request, List<Subject> subjects) {
    List<String> keys = subjects.stream().map(Subject::key).toList();
    byte[] packed = subjects(call, subjects);
    List<byte[]> arguments = List.of(packed, ascii(clock), ascii(request.rest()));
    List<?> reply = (List<?>) Objects.requireNonNull(DECIDE.runBinary(redis, keys, arguments));
    return booking(reply, request, subjects);
  }

  /** Whether {@link #runPlainly} can decide this. */
  static boolean isPlain(Request request, List<Subject> subjects) {
    return request.isPlain() && subjects.size() == 1;
  }

  /**
   * Decides the same, about one id that takes permits now, in less of Redis's time.
   *
   * @param clock microseconds; empty takes the server's
   * @param call the name of this call, 8 characters of ASCII
   */
  static Booking runPlainly(
      RedisAccess redis, String clock, String call, Request request, Subject subject) {
    byte[] packed = plain(call, subject);
    String beside = request.besidePlain(clock);
    List<byte[]> arguments = beside == null ? List.of(packed) : List.of(packed, ascii(beside));
    Object reply =
        Objects.requireNonNull(DECIDE.runBinary(redis, List.of(subject.key()), arguments));
    if (reply instanceof List<?> numbers) {
      return booking(numbers, request, List.of(subject));
    }
    if (reply instanceof Long left) {
      Limit limit = subject.limits().get(0);
      Decision.OfLimit state = state(limit, left, 0, LimitRules.micros(limit.period()));
      return new Booking(decision(true, Duration.ZERO, List.of(state)), subject.permits(), 0, 0, 0);
    }
    return booking(subject, ByteBuffer.wrap((byte[]) reply));
  }

  private static byte[] plain(String call, Subject subject) {
    List<Limit> limits = subject.limits();
    ByteBuffer packed =
        ByteBuffer.allocate(PLAIN_BYTES + LIMIT_BYTES * limits.size()).put(ascii(call));
    packed.putInt((int) subject.permits());
    for (Limit each : limits) {
      ScriptLimit limit = ScriptLimit.of(each);
      packed.putInt((int) limit.permits());
      putSixBytes(packed, limit.rate());
      putSixBytes(packed, limit.id());
    }
    return packed.array();
  }

  private static byte[] subjects(String call, List<Subject> subjects) {
    int limits = subjects.stream().mapToInt(subject -> subject.limits().size()).sum();
    ByteBuffer packed =
        ByteBuffer.allocate(NAME_BYTES + SUBJECT_BYTES * subjects.size() + LIMIT_BYTES * limits);
    packed.put(ascii(call));
    for (Subject subject : subjects) {
      packed.putInt((int) subject.permits()).put((byte) subject.limits().size());
      for (Limit each : subject.limits()) {
        ScriptLimit limit = ScriptLimit.of(each);
        putSixBytes(packed, limit.id());
        packed.putInt((int) limit.permits());
        putSixBytes(packed, limit.rate());
      }
    }
    return packed.array();
  }

  private static void putSixBytes(ByteBuffer to, long value) {
    to.putShort((short) (value >>> Integer.SIZE)).putInt((int) value);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static Booking booking(Subject subject, ByteBuffer reply) {
    int bytes = reply.capacity();
    int limits = subject.limits().size();
    boolean granted = bytes != REFUSED * limits + INSTANT;
    if (bytes != GRANTED * limits
        && bytes != GRANTED * limits + INSTANT
        && bytes != REFUSED * limits + INSTANT) {
      throw new IllegalStateException("a reply of " + bytes + " bytes on " + limits + " limits");
    }
    List<Decision.OfLimit> states = new ArrayList<>(limits);
    long wait = 0;
    for (Limit limit : subject.limits()) {
      long left = Integer.toUnsignedLong(reply.getInt());
      long reset = sevenBytes(reply);
      long fits = granted ? 0 : sevenBytes(reply);
      wait = Math.max(wait, fits);
      states.add(state(limit, left, fits, reset));
    }
    long now = reply.hasRemaining() ? sevenBytes(reply) : 0;
    return new Booking(
        decision(granted, micros(wait), List.copyOf(states)),
        granted ? subject.permits() : 0,
        now + wait,
        wait,
        0);
  }

  private static Decision.OfLimit state(Limit limit, long left, long wait, long reset) {
    return new Decision.OfLimit(limit, left, Optional.of(micros(wait)), micros(reset));
  }

  private static long sevenBytes(ByteBuffer from) {
    long high = from.get() & 0xffL;
    return high << 48
        | (from.getShort() & 0xffffL) << Integer.SIZE
        | Integer.toUnsignedLong(from.getInt());
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
    long granted = number(reply, 0);
    long history = granted > 0 && wait > 0 ? number(reply, 3) : 0;
    return new Booking(decision, granted, number(reply, 1), wait, history);
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
}
