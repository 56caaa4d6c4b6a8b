package io.github.redistoolkit.lending;

import java.net.http.HttpHeaders;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A request that was answered, as its client saw it.
 *
 * @param user from whom
 * @param key its idempotency key; empty if it has none
 * @param sent its body
 * @param sentNanos a time before it was sent
 * @param answeredNanos a time after it was answered
 */
record Exchange(
    String method,
    String path,
    String user,
    String key,
    String sent,
    long sentNanos,
    long answeredNanos,
    int status,
    HttpHeaders headers,
    String body) {

  private static final Pattern REMAINING = Pattern.compile("\"per-minute\";r=(\\d+)(?:;t=\\d+)?");

  boolean isApplication() {
    return method.equals("POST") && path.equals("/loans");
  }

  boolean is(int expected) {
    return status == expected;
  }

  /** Whether it was over before the other began. */
  boolean isBefore(Exchange other) {
    return answeredNanos - other.sentNanos < 0;
  }

  /**
   * How many requests the limit leaves to the user, as the response says; empty if it is silent.
   */
  OptionalInt remaining() {
    Matcher field = REMAINING.matcher(headers.firstValue("RateLimit").orElse(""));
    return field.matches() ? OptionalInt.of(Integer.parseInt(field.group(1))) : OptionalInt.empty();
  }

  /** After how many seconds the client should ask again, as the response says; empty if never. */
  OptionalInt retryAfter() {
    return headers.firstValue("Retry-After").map(Integer::parseInt).stream()
        .mapToInt(Integer::intValue)
        .findFirst();
  }
}
