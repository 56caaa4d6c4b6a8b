package io.github.redistoolkit.servlet;

import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A response, as it is sent, recorded and replayed.
 *
 * @param status of HTTP
 * @param error whether the application left the body to the container, by {@code sendError}
 * @param fields the header fields that are replayed, in their order
 * @param body as it was written; of an error, its message
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Answer(int status, boolean error, List<Field> fields, byte[] body) {

  /** What a record begins with; the first character is the version of the form. */
  private static final String WRITTEN = "1 ";

  private static final String ERROR = "1!";

  /** The largest body that is encoded at all, as several copies of it are made for that. */
  static final int LARGEST_KEPT = 64 << 20;

  /** One line of a header. */
  record Field(String name, String value) {

    /** A value with a line break would be two. No container sends one, and neither is it kept. */
    boolean isOneLine() {
      return value.indexOf('\n') < 0 && value.indexOf('\r') < 0;
    }
  }

  /**
   * Returns what is recorded: text, so that it is the same for every JSON mapper of the service. A
   * line with the status, one for each field, an empty one, and the body in Base64.
   *
   * @return null if the body is larger than {@link #LARGEST_KEPT}, so that none is recorded
   */
  @Nullable String encode() {
    if (body.length > LARGEST_KEPT) {
      return null;
    }
    StringBuilder text = new StringBuilder(error ? ERROR : WRITTEN).append(status).append('\n');
    for (Field field : fields) {
      if (field.isOneLine()) {
        text.append(field.name()).append(':').append(field.value()).append('\n');
      }
    }
    return text.append('\n').append(Base64.getEncoder().encodeToString(body)).toString();
  }

  /** Reads what {@link #encode} wrote; null if it was something else. */
  static @Nullable Answer decode(String text) {
    int end = text.indexOf("\n\n");
    if (end < 0 || !(text.startsWith(WRITTEN) || text.startsWith(ERROR))) {
      return null;
    }
    String[] lines = text.substring(0, end).split("\n", -1);
    List<Field> fields = new ArrayList<>();
    for (String line : Arrays.asList(lines).subList(1, lines.length)) {
      int colon = line.indexOf(':');
      if (colon < 1) {
        return null;
      }
      fields.add(new Field(line.substring(0, colon), line.substring(colon + 1)));
    }
    try {
      int status = Integer.parseInt(lines[0].substring(WRITTEN.length()));
      byte[] body = Base64.getDecoder().decode(text.substring(end + 2));
      return new Answer(status, text.startsWith(ERROR), fields, body);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** Sends this as the response to a repeated request. */
  void replay(HttpServletResponse response) throws IOException {
    response.setStatus(status);
    Set<String> set = new HashSet<>();
    for (Field field : fields) {
      if (set.add(field.name())) {
        response.setHeader(field.name(), field.value());
      } else {
        response.addHeader(field.name(), field.value());
      }
    }
    sendBody(response);
  }

  /** Sends what the application wrote; the status and the header are there. */
  void sendBody(HttpServletResponse response) throws IOException {
    if (error && body.length == 0) {
      response.sendError(status);
    } else if (error) {
      response.sendError(status, new String(body, StandardCharsets.UTF_8));
    } else if (body.length > 0 || mayHaveBody()) {
      response.setContentLength(body.length);
      response.getOutputStream().write(body);
    }
  }

  private boolean mayHaveBody() {
    return status != HttpServletResponse.SC_NO_CONTENT
        && status != HttpServletResponse.SC_NOT_MODIFIED;
  }
}
