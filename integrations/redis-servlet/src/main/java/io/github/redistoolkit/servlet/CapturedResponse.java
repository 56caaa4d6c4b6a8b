package io.github.redistoolkit.servlet;

import io.github.redistoolkit.servlet.Answer.Field;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Keeps back what the application writes until it is recorded. Status and header go to the real
 * response at once, which sends neither before its body.
 */
final class CapturedResponse extends HttpServletResponseWrapper {

  private final Body body = new Body();
  private @Nullable PrintWriter writer;
  private boolean streamed;

  /** The charset of the writer; from then on it is that of the response. */
  private @Nullable String written;

  /** Set by {@code sendError}: then the rest is the container's. */
  private int error;

  private String message = "";

  /** Whether nothing can be written any more. */
  private boolean complete;

  CapturedResponse(HttpServletResponse real) {
    super(real);
  }

  /** What has been written, with the fields that are replayed. */
  Answer answer(Collection<String> replayed) {
    if (writer != null) {
      writer.flush();
    }
    List<Field> fields = new ArrayList<>();
    if (error != 0) {
      addFields(fields, replayed.stream().filter(name -> !isOfContent(name)).toList());
      return new Answer(error, true, fields, message.getBytes(StandardCharsets.UTF_8));
    }
    String type = getContentType();
    if (type != null) {
      fields.add(new Field("Content-Type", type));
    }
    addFields(fields, replayed);
    return new Answer(getStatus(), false, fields, body.bytes.toByteArray());
  }

  private void addFields(List<Field> fields, Collection<String> names) {
    for (String name : names) {
      getHeaders(name).forEach(value -> fields.add(new Field(name, value)));
    }
  }

  /** Whether a field says how to read a body; that of an error is the container's. */
  private static boolean isOfContent(String name) {
    return name.toLowerCase(Locale.ROOT).startsWith("content-");
  }

  @Override
  public ServletOutputStream getOutputStream() {
    if (writer != null) {
      throw new IllegalStateException("getWriter() was called for this response");
    }
    streamed = true;
    return body;
  }

  @Override
  public PrintWriter getWriter() throws IOException {
    if (streamed) {
      throw new IllegalStateException("getOutputStream() was called for this response");
    }
    if (writer == null) {
      // A container makes it a part of the content type now, and so does this.
      setCharacterEncoding(getCharacterEncoding());
      String charset = getCharacterEncoding();
      writer = new PrintWriter(new OutputStreamWriter(body, charset));
      written = charset;
    }
    return writer;
  }

  @Override
  public void setContentType(@Nullable String type) {
    if (type != null && mediaType(type).equals("text/event-stream")) {
      throw refusal("a stream of events");
    }
    super.setContentType(type);
    if (written != null) {
      super.setCharacterEncoding(written);
    }
  }

  /** What a content type says without its parameters, in lower case. */
  static String mediaType(String type) {
    return type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
  }

  @Override
  public void setCharacterEncoding(@Nullable String encoding) {
    if (written == null) {
      super.setCharacterEncoding(encoding);
    }
  }

  @Override
  public void setCharacterEncoding(@Nullable Charset encoding) {
    setCharacterEncoding(encoding == null ? null : encoding.name());
  }

  @Override
  public void setHeader(String name, @Nullable String value) {
    if (isContentType(name)) {
      setContentType(value);
    } else {
      super.setHeader(name, value);
    }
  }

  @Override
  public void addHeader(String name, @Nullable String value) {
    if (isContentType(name) && value != null) {
      setContentType(value);
    } else {
      super.addHeader(name, value);
    }
  }

  private static boolean isContentType(@Nullable String name) {
    return "Content-Type".equalsIgnoreCase(name);
  }

  @Override
  public void sendError(int status) {
    sendError(status, null);
  }

  @Override
  public void sendError(int status, @Nullable String text) {
    resetBuffer();
    error = status;
    message = text == null ? "" : text;
    complete = true;
  }

  @Override
  public void sendRedirect(String location) {
    sendRedirect(location, SC_FOUND, true);
  }

  @Override
  public void sendRedirect(String location, int status) {
    sendRedirect(location, status, true);
  }

  @Override
  public void sendRedirect(String location, boolean clearBuffer) {
    sendRedirect(location, SC_FOUND, clearBuffer);
  }

  @Override
  public void sendRedirect(String location, int status, boolean clearBuffer) {
    if (clearBuffer) {
      resetBuffer();
    }
    setStatus(status);
    setHeader("Location", location);
    complete = true;
  }

  @Override
  public int getStatus() {
    return error != 0 ? error : super.getStatus();
  }

  @Override
  public boolean isCommitted() {
    return complete || super.isCommitted();
  }

  /** Does nothing: it is sent when it is recorded, and its length is known then. */
  @Override
  public void flushBuffer() {}

  @Override
  public void setContentLength(int length) {}

  @Override
  public void setContentLengthLong(long length) {}

  @Override
  public void setBufferSize(int size) {}

  @Override
  public void reset() {
    resetBuffer();
    super.reset();
    writer = null;
    written = null;
    streamed = false;
  }

  @Override
  public void resetBuffer() {
    if (complete) {
      throw new IllegalStateException("the response is complete");
    }
    if (writer != null) {
      writer.flush();
    }
    body.bytes.reset();
  }

  static IllegalStateException refusal(String what) {
    return new IllegalStateException(
        what
            + " cannot be recorded and replayed; keep the path out of the reach of "
            + IdempotencyFilter.class.getSimpleName());
  }

  /** Takes what is written in memory. */
  private final class Body extends ServletOutputStream {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    public void write(int b) {
      if (!complete) {
        bytes.write(b);
      }
    }

    @Override
    public void write(byte[] from, int offset, int length) {
      if (!complete) {
        bytes.write(from, offset, length);
      }
    }

    @Override
    public boolean isReady() {
      return true;
    }

    @Override
    public void setWriteListener(WriteListener listener) {
      throw refusal("a response that is written asynchronously");
    }
  }
}
