package io.github.redistoolkit.servlet;

import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.stream.Collectors;

/**
 * Why a request is refused, as {@code application/problem+json} (RFC 9457). All of it is fixed
 * text: nothing that a client or Redis has said comes back.
 *
 * @param status of HTTP
 * @param json the body
 */
record Problem(int status, String json) {

  private static final int CONFLICT = 409;

  static final Problem KEY_MISSING =
      of(
          400,
          "Idempotency-Key is missing",
          "This operation needs the header field Idempotency-Key, with a key in double quotes that"
              + " is the same only when the request is sent again.");
  static final Problem KEY_MALFORMED =
      of(
          400,
          "Idempotency-Key is malformed",
          "The header field Idempotency-Key must be one string in double quotes, of 1 to 255"
              + " printable ASCII characters.");
  static final Problem BODY_TOO_LARGE =
      of(413, "Content Too Large", "The body is larger than this operation takes.");
  static final Problem FORM_MALFORMED =
      of(
          400,
          "Form is malformed",
          "The body or the query is not URL-encoded in the charset of the Content-Type.");
  static final Problem IN_PROGRESS =
      of(
          CONFLICT,
          "A request with this Idempotency-Key is in progress",
          "The request was sent before and is still being handled. Send it again a little later.");
  static final Problem OUTCOME_OPEN =
      of(
          CONFLICT,
          "The outcome of a request with this Idempotency-Key is unknown",
          "The request was sent before, and it is not known whether it had its effect.");
  static final Problem NOT_KEPT =
      of(
          CONFLICT,
          "A request with this Idempotency-Key was handled",
          "The request was sent before and was handled, but its response was not kept.");
  static final Problem OTHER_REQUEST =
      of(
          422,
          "Idempotency-Key is already used",
          "The key was used before for another request. Use a new key for a new request.");
  static final Problem FAILED =
      of(
          500,
          "A request with this Idempotency-Key has failed",
          "The request was sent before and failed for good.");
  static final Problem NOT_CLAIMED =
      of(503, "Service Unavailable", "The request was not handled. It may be sent again.");
  static final Problem UNDECIDED =
      of(503, "Service Unavailable", "The rate limit cannot be checked now.");

  private static Problem of(int status, String title, String detail) {
    return new Problem(
        status,
        "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}"
            .formatted(title, status, detail));
  }

  /**
   * A refusal of a limiter, as the draft on rate limits defines it.
   *
   * @param limits the names of those that were exceeded, none of which needs to be escaped
   */
  static Problem quotaExceeded(Collection<String> limits) {
    return new Problem(
        429,
        ("{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\","
                + "\"title\":\"Too Many Requests\",\"status\":429,\"violated-policies\":[%s]}")
            .formatted(
                limits.stream().map(name -> '"' + name + '"').collect(Collectors.joining(","))));
  }

  void send(HttpServletResponse response) throws IOException {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    response.setStatus(status);
    response.setContentType("application/problem+json");
    response.setContentLength(body.length);
    response.getOutputStream().write(body);
  }
}
