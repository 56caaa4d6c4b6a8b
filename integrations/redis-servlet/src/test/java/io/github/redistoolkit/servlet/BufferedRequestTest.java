package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read from a request, without a container. */
class BufferedRequestTest {

  private static final String FORM = "application/x-www-form-urlencoded";

  private static BufferedRequest form(String body, String query, String charset)
      throws IOException {
    return BufferedRequest.read(
        request(
            body,
            Map.of(
                "getContentLengthLong",
                (long) body.length(),
                "getHeader",
                FORM + ";charset=" + charset,
                "getCharacterEncoding",
                charset,
                "getQueryString",
                query)),
        1 << 20);
  }

  /** A request that answers a method as given, and null if it is not. */
  private static HttpServletRequest request(String body, Map<String, Object> answers) {
    ServletInputStream stream = new Stream(body);
    return (HttpServletRequest)
        Proxy.newProxyInstance(
            BufferedRequestTest.class.getClassLoader(),
            new Class<?>[] {HttpServletRequest.class},
            (proxy, method, arguments) ->
                method.getName().equals("getInputStream") ? stream : answers.get(method.getName()));
  }

  @Test
  void readsTheValuesOfAFormAfterThoseOfTheQuery() throws IOException {
    BufferedRequest request = form("a=2&b=%C3%A4+%26&c", "a=1", "UTF-8");
    assertThat(request.parseForm(), is(true));
    assertThat(request.getParameterValues("a"), is(new String[] {"1", "2"}));
    assertThat(request.getParameter("b"), is("\u00e4 &"));
    assertThat(request.getParameter("c"), is(""));
  }

  @Test
  @Timeout(20)
  void readsManyValuesOfOneNameInTimeThatGrowsWithThem() throws IOException {
    int values = 1 << 19;
    BufferedRequest request = form("a&".repeat(values), "", "UTF-8");
    assertThat(request.parseForm(), is(true));
    assertThat(request.getParameterValues("a").length, is(values));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a=%zz", "%", "a=1&b=%1"})
  void tellsThatAFormIsMalformed(String malformed) throws IOException {
    assertThat(form(malformed, "", "UTF-8").parseForm(), is(false));
    assertThat(form("a=1", malformed, "UTF-8").parseForm(), is(false));
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "no name"})
  void tellsThatTheCharsetOfAFormIsUnknown(String charset) throws IOException {
    assertThat(form("a=1", "", charset).parseForm(), is(false));
  }

  @Test
  void refusesABodyThatWasReadBefore() {
    Map<String, Object> chunked = Map.of("getContentLengthLong", -1L, "getHeader", "chunked");
    String message =
        assertThrows(
                IllegalStateException.class, () -> BufferedRequest.read(request("", chunked), 10))
            .getMessage();
    assertThat(message, containsString("was read before"));
  }

  /** The end of this one is known as soon as there is nothing left. */
  private static final class Stream extends ServletInputStream {

    private final ByteArrayInputStream bytes;

    Stream(String body) {
      this.bytes = new ByteArrayInputStream(body.getBytes(StandardCharsets.ISO_8859_1));
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
    public boolean isFinished() {
      return bytes.available() == 0;
    }

    @Override
    public boolean isReady() {
      return true;
    }

    @Override
    public void setReadListener(ReadListener listener) {
      throw new IllegalStateException();
    }
  }
}
