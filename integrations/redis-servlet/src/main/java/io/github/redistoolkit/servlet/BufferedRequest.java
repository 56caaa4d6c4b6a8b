package io.github.redistoolkit.servlet;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpUpgradeHandler;
import jakarta.servlet.http.Part;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UnsupportedEncodingException;
import java.net.URLDecoder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A request whose body was read, and is read from here; its response is to be complete in time. */
final class BufferedRequest extends HttpServletRequestWrapper {

  private static final String FORM = "application/x-www-form-urlencoded";

  private final byte[] body;

  /** Whether the container read the body, for somebody who asked for a parameter. */
  private final boolean parsed;

  private @Nullable BodyStream stream;
  private @Nullable BufferedReader reader;
  private @Nullable Map<String, String[]> form;

  /** Whether a parameter was asked for; an encoding that is set later has no effect. */
  private boolean formShown;

  private BufferedRequest(HttpServletRequest real, byte[] body, boolean parsed) {
    super(real);
    this.body = body;
    this.parsed = parsed;
  }

  /**
   * Reads the body.
   *
   * @return null if it is larger than {@code maxBodyBytes}
   * @throws IllegalStateException if somebody has read it before, as far as it can be told: by
   *     {@code Content-Length}, or by the end of what has a {@code Transfer-Encoding}
   */
  static @Nullable BufferedRequest read(HttpServletRequest real, int maxBodyBytes)
      throws IOException {
    long declared = real.getContentLengthLong();
    if (declared > maxBodyBytes) {
      return null;
    }
    ServletInputStream unread = real.getInputStream();
    // Of a body without a length the end is seen only by reading up to it, so somebody did.
    boolean ended = real.getHeader("Transfer-Encoding") != null && unread.isFinished();
    byte[] body = unread.readNBytes(maxBodyBytes + 1);
    if (body.length > maxBodyBytes) {
      return null;
    }
    boolean parsed = body.length == 0 && isForm(real);
    if ((ended || declared > body.length) && !parsed) {
      throw new IllegalStateException(
          "the body was read before "
              + IdempotencyFilter.class.getSimpleName()
              + ", which has to come first to know what the request asks for");
    }
    return new BufferedRequest(real, body, parsed);
  }

  byte[] body() {
    return body;
  }

  /** What a form has that the container has read, in an order of its own; else nothing. */
  String parsedForm() {
    if (!parsed) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    for (Map.Entry<String, String[]> entry : new TreeMap<>(super.getParameterMap()).entrySet()) {
      appendWithLength(text.append('\n'), entry.getKey());
      for (String value : entry.getValue()) {
        appendWithLength(text.append('='), value);
      }
    }
    return text.toString();
  }

  private static void appendWithLength(StringBuilder text, String part) {
    text.append(part.length()).append(':').append(part);
  }

  /**
   * Parses a form while it can still be refused.
   *
   * @return false if it is not what its content type says
   */
  boolean parseForm() {
    if (parsed || !isForm(this)) {
      return true;
    }
    try {
      form = form();
      return true;
    } catch (IllegalArgumentException e) { // of the escapes, or of the name of the charset
      return false;
    }
  }

  private static boolean isForm(HttpServletRequest request) {
    // Jetty's getContentType throws if it does not know the charset.
    String type = request.getHeader("Content-Type");
    return type != null && CapturedResponse.mediaType(type).equals(FORM);
  }

  @Override
  public ServletInputStream getInputStream() {
    if (reader != null) {
      throw new IllegalStateException("getReader() was called for this request");
    }
    if (stream == null) {
      stream = new BodyStream(body);
    }
    return stream;
  }

  @Override
  public BufferedReader getReader() throws IOException {
    if (stream != null) {
      throw new IllegalStateException("getInputStream() was called for this request");
    }
    if (reader == null) {
      String encoding = getCharacterEncoding();
      reader =
          new BufferedReader(
              new InputStreamReader(
                  new ByteArrayInputStream(body),
                  encoding == null ? StandardCharsets.ISO_8859_1.name() : encoding));
    }
    return reader;
  }

  @Override
  public void setCharacterEncoding(String encoding) throws UnsupportedEncodingException {
    super.setCharacterEncoding(encoding);
    if (!formShown) {
      form = null;
    }
  }

  @Override
  public void setCharacterEncoding(Charset encoding) {
    super.setCharacterEncoding(encoding);
    if (!formShown) {
      form = null;
    }
  }

  @Override
  public @Nullable String getParameter(String name) {
    String[] values = getParameterMap().get(name);
    return values == null ? null : values[0];
  }

  @Override
  public Enumeration<String> getParameterNames() {
    return Collections.enumeration(getParameterMap().keySet());
  }

  @Override
  public String @Nullable [] getParameterValues(String name) {
    String[] values = getParameterMap().get(name);
    return values == null ? null : values.clone();
  }

  @Override
  public Map<String, String[]> getParameterMap() {
    if (parsed || !isForm(this)) {
      return super.getParameterMap();
    }
    if (form == null) {
      form = form();
    }
    formShown = true;
    return form;
  }

  /** The container cannot read the body again. */
  private Map<String, String[]> form() {
    Map<String, List<String>> all = new LinkedHashMap<>();
    String query = getQueryString();
    add(all, query == null ? "" : query, StandardCharsets.UTF_8);
    String encoding = getCharacterEncoding();
    Charset charset = encoding == null ? StandardCharsets.UTF_8 : Charset.forName(encoding);
    add(all, new String(body, StandardCharsets.ISO_8859_1), charset);
    Map<String, String[]> arrays = new LinkedHashMap<>();
    all.forEach((name, values) -> arrays.put(name, values.toArray(String[]::new)));
    return Collections.unmodifiableMap(arrays);
  }

  private static void add(Map<String, List<String>> all, String encoded, Charset charset) {
    for (String pair : encoded.split("&", -1)) {
      if (!pair.isEmpty()) {
        String[] parts = pair.split("=", 2);
        String name = URLDecoder.decode(parts[0], charset);
        String value = parts.length < 2 ? "" : URLDecoder.decode(parts[1], charset);
        all.computeIfAbsent(name, unused -> new ArrayList<>(1)).add(value);
      }
    }
  }

  @Override
  public Collection<Part> getParts() {
    throw refusalOfParts();
  }

  @Override
  public Part getPart(String name) {
    throw refusalOfParts();
  }

  private static IllegalStateException refusalOfParts() {
    return new IllegalStateException(
        "the container cannot read the parts of a body that "
            + IdempotencyFilter.class.getSimpleName()
            + " has read; read them from getInputStream()");
  }

  @Override
  public boolean isAsyncSupported() {
    return false;
  }

  @Override
  public AsyncContext startAsync() {
    throw CapturedResponse.refusal("an asynchronous response");
  }

  @Override
  public AsyncContext startAsync(ServletRequest request, ServletResponse response) {
    throw CapturedResponse.refusal("an asynchronous response");
  }

  @Override
  public <T extends HttpUpgradeHandler> T upgrade(Class<T> handler) {
    throw CapturedResponse.refusal("an upgrade to another protocol");
  }

  /** The body, as often as it takes. */
  private static final class BodyStream extends ServletInputStream {

    private final ByteArrayInputStream bytes;

    BodyStream(byte[] body) {
      this.bytes = new ByteArrayInputStream(body);
    }

    @Override
    public int read() {
      return bytes.read();
    }

    @Override
    public int read(byte[] to, int offset, int length) {
      return bytes.read(to, offset, length);
    }

    @Override
    public int available() {
      return bytes.available();
    }

    @Override
    public boolean isFinished() {
      return bytes.available() == 0;
    }

    @Override
    public boolean isReady() {
      return true;
    }

    @Override
    public void setReadListener(ReadListener listener) {
      throw CapturedResponse.refusal("a request that is read asynchronously");
    }
  }
}
