package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.servlet.WebServer.Application;
import io.github.redistoolkit.servlet.WebServer.Container;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import jakarta.servlet.Filter;
import java.io.ByteArrayInputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The filter in real containers, asked by a real client, with effects in a real database. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
@Tag("smoke")
class IdempotencyFilterIT {

  private static final String USER = "X-User";
  private static final byte[] ALL_BYTES = new byte[256];

  static {
    for (int i = 0; i < ALL_BYTES.length; i++) {
      ALL_BYTES[i] = (byte) i;
    }
  }

  private final TestRedis redis;
  private final String key;
  private final IdempotencyService service;
  private final IdempotencyFilter.Builder builder;
  private final Effects effects = new Effects();

  private final Application creates =
      (request, response) -> {
        effects.happen(request.getRequestURI());
        response.setStatus(201);
        response.setContentType("text/plain");
        response.setCharacterEncoding("UTF-8");
        response.getWriter().print("created " + effects.count());
      };

  IdempotencyFilterIT(TestRedis redis) {
    this.redis = redis;
    this.key = "\"" + redis.unique("key") + "\"";
    this.service =
        redis
            .over(
                p -> IdempotencyService.builder(p, "http"),
                c -> IdempotencyService.builder(c, "http"))
            .maxResultBytes(10_000)
            .build();
    this.builder = IdempotencyFilter.builder(service, request -> request.getHeader(USER));
  }

  @AfterEach
  void close() {
    effects.close();
  }

  private HttpRequest.Builder post(WebServer server, String path, String body) {
    return Http.post(server.uri(path), body).header("Idempotency-Key", key).header(USER, "jane");
  }

  private int status(WebServer server, String path, String body) {
    return Http.send(post(server, path, body)).statusCode();
  }

  @ParameterizedTest
  @EnumSource
  void aRequestThatIsSentAgainIsHandledOnceAndAnsweredAlikeByteForByte(Container container) {
    Application application =
        (request, response) -> {
          effects.happen("loan");
          response.setStatus(201);
          response.setContentType("application/octet-stream");
          response.setHeader("Location", "/loans/" + effects.count());
          response.setHeader("ETag", "\"1\"");
          response.setHeader("Set-Cookie", "session=secret");
          response.setHeader("X-Moment", "now");
          response.getOutputStream().write(ALL_BYTES);
        };
    try (WebServer server = WebServer.start(container, application, builder.build())) {
      HttpResponse<byte[]> first = Http.send(post(server, "/loans", "{}"));
      HttpResponse<byte[]> again = Http.send(post(server, "/loans", "{}"));
      for (HttpResponse<byte[]> response : List.of(first, again)) {
        assertThat(response.statusCode(), is(201));
        assertThat(response.body(), is(ALL_BYTES));
        assertThat(Http.header(response, "Location"), is("/loans/1"));
        assertThat(Http.header(response, "ETag"), is("\"1\""));
        assertThat(Http.header(response, "Content-Type"), is("application/octet-stream"));
      }
      assertThat(Http.header(first, "X-Moment"), is("now"));
      assertThat(Http.header(again, "X-Moment"), is(""));
      assertThat(Http.header(again, "Set-Cookie"), is(""));
      assertThat(effects.count(), is(1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofParallelEqualRequestsOneIsHandled(Container container) {
    try (WebServer server = WebServer.start(container, creates, builder.build())) {
      List<HttpResponse<byte[]>> responses =
          Http.sendAll(Stream.generate(() -> post(server, "/loans", "{}")).limit(12).toList());
      for (HttpResponse<byte[]> response : responses) {
        if (response.statusCode() == 409) {
          assertThat(Http.header(response, "Retry-After"), is("1"));
        } else {
          assertThat(response.statusCode(), is(201));
          assertThat(Http.text(response), is("created 1"));
        }
      }
      assertThat(
          Collections.frequency(responses.stream().map(HttpResponse::statusCode).toList(), 201),
          is(greaterThan(0)));
      assertThat(Http.text(Http.send(post(server, "/loans", "{}"))), is("created 1"));
      assertThat(effects.count(), is(1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRequestThatIsBeingHandledIsRefusedWithAShortTimeToRetry(Container container)
      throws Exception {
    CountDownLatch working = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Application slow =
        (request, response) -> {
          working.countDown();
          try {
            assertThat(go.await(1, TimeUnit.MINUTES), is(true));
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          creates.handle(request, response);
        };
    try (WebServer server = WebServer.start(container, slow, builder.build())) {
      Thread first = new Thread(() -> assertThat(status(server, "/loans", "{}"), is(201)));
      first.start();
      working.await();
      HttpResponse<byte[]> refused = Http.send(post(server, "/loans", "{}"));
      assertThat(refused.statusCode(), is(409));
      assertThat(Http.header(refused, "Retry-After"), is("1"));
      assertThat(Http.header(refused, "Content-Type"), is("application/problem+json"));
      go.countDown();
      first.join();
      assertThat(Http.text(Http.send(post(server, "/loans", "{}"))), is("created 1"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aKeyIsForOneMethodPathQueryAndBody(Container container) {
    try (WebServer server = WebServer.start(container, creates, builder.build())) {
      assertThat(status(server, "/loans?a=1", "{}"), is(201));
      assertThat(status(server, "/loans?a=1", "{ }"), is(422));
      assertThat(status(server, "/loans?a=2", "{}"), is(422));
      assertThat(status(server, "/loans", "{}"), is(422));
      assertThat(status(server, "/users?a=1", "{}"), is(422));
      HttpRequest.Builder patch =
          Http.to(server.uri("/loans?a=1"))
              .method("PATCH", BodyPublishers.ofString("{}"))
              .header("Idempotency-Key", key)
              .header(USER, "jane");
      assertThat(Http.send(patch).statusCode(), is(422));
      assertThat(status(server, "/loans?a=1", "{}"), is(201));
      assertThat(effects.count(), is(1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aKeyThatIsMissingOrMalformedIsRefusedAndNotRepeated(Container container) {
    try (WebServer server = WebServer.start(container, creates, builder.build())) {
      HttpResponse<byte[]> missing =
          Http.send(Http.post(server.uri("/loans"), "{}").header(USER, "jane"));
      assertThat(missing.statusCode(), is(400));
      assertThat(Http.text(missing), containsString("is missing"));
      for (String malformed : List.of("uuid-0815", "\"\"", "\"uuid-0815", "\"a\", \"uuid-0815\"")) {
        HttpResponse<byte[]> refused =
            Http.send(
                Http.post(server.uri("/loans"), "{}")
                    .header("Idempotency-Key", malformed)
                    .header(USER, "jane"));
        assertThat(refused.statusCode(), is(400));
        assertThat(Http.header(refused, "Content-Type"), is("application/problem+json"));
        assertThat(Http.text(refused), not(containsString("0815")));
      }
      HttpResponse<byte[]> twice =
          Http.send(post(server, "/loans", "{}").header("Idempotency-Key", "\"other\""));
      assertThat(twice.statusCode(), is(400));
      assertThat(effects.count(), is(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void otherMethodsAndRequestsWithoutAnOptionalKeyPass(Container container) {
    Filter filter = builder.keyOptional().build();
    try (WebServer server = WebServer.start(container, creates, filter)) {
      for (int i = 0; i < 2; i++) {
        assertThat(Http.send(Http.post(server.uri("/loans"), "{}")).statusCode(), is(201));
        assertThat(
            Http.send(Http.to(server.uri("/loans")).header("Idempotency-Key", key)).statusCode(),
            is(201));
      }
      assertThat(effects.count(), is(4));
    }
  }

  @ParameterizedTest
  @EnumSource
  void noScopeGetsTheResponseOfAnotherAndNobodyHasNone(Container container) {
    try (WebServer server = WebServer.start(container, creates, builder.build())) {
      assertThat(Http.text(Http.send(post(server, "/loans", "{}"))), is("created 1"));
      HttpRequest.Builder other =
          Http.post(server.uri("/loans"), "{}").header("Idempotency-Key", key).header(USER, "john");
      assertThat(Http.text(Http.send(other)), is("created 2"));
      HttpRequest.Builder nobody =
          Http.post(server.uri("/loans"), "{}").header("Idempotency-Key", key);
      assertThat(Http.send(nobody).statusCode(), is(500));
      assertThat(effects.count(), is(2));
    }
  }

  @ParameterizedTest
  @EnumSource
  void theRecordStandsUnderADigestOfScopeAndKey(Container container) {
    try (WebServer server = WebServer.start(container, creates, builder.build())) {
      assertThat(status(server, "/loans", "{}"), is(201));
      String id = IdempotencyFilter.requestId("jane", key.substring(1, key.length() - 1));
      assertThat(redis.admin().exists(service.redisKey(id)), is(true));
      assertThat(service.forget(id), is(true));
      assertThat(Http.text(Http.send(post(server, "/loans", "{}"))), is("created 2"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aBodyThatIsTooLargeIsRefusedBeforeTheKeyIsClaimed(Container container) {
    Filter filter = builder.maxBodyBytes(10).build();
    try (WebServer server = WebServer.start(container, creates, filter)) {
      assertThat(status(server, "/loans", "12345678901"), is(413));
      assertThat(Http.send(chunked(server, "/loans", ALL_BYTES)).statusCode(), is(413));
      assertThat(effects.count(), is(0));
      assertThat(status(server, "/loans", "1234567890"), is(201));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aBodyWithoutALengthIsRefusedOnlyIfItWasReadBefore(Container container) {
    Filter readsBefore =
        (request, response, chain) -> {
          assertThat(request.getInputStream().readAllBytes().length, is(ALL_BYTES.length));
          chain.doFilter(request, response);
        };
    try (WebServer server = WebServer.start(container, creates, readsBefore, builder.build())) {
      assertThat(Http.send(chunked(server, "/loans", ALL_BYTES)).statusCode(), is(500));
      assertThat(effects.count(), is(0));
    }
    try (WebServer server = WebServer.start(container, creates, builder.build())) {
      assertThat(Http.send(chunked(server, "/loans", ALL_BYTES)).statusCode(), is(201));
      HttpRequest.Builder empty =
          chunked(server, "/loans", new byte[0]).setHeader("Idempotency-Key", "\"empty\"");
      assertThat(Http.send(empty).statusCode(), is(201));
    }
  }

  private HttpRequest.Builder chunked(WebServer server, String path, byte[] body) {
    return Http.to(server.uri(path))
        .POST(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body)))
        .header("Idempotency-Key", key)
        .header(USER, "jane");
  }

  @ParameterizedTest
  @EnumSource
  void theApplicationReadsTheBodyAsItWasSent(Container container) {
    Application echoes =
        (request, response) -> {
          byte[] body = request.getInputStream().readAllBytes();
          response.getOutputStream().write(body);
        };
    try (WebServer server = WebServer.start(container, echoes, builder.build())) {
      HttpRequest.Builder request =
          Http.to(server.uri("/echo"))
              .POST(BodyPublishers.ofByteArray(ALL_BYTES))
              .header("Idempotency-Key", key)
              .header(USER, "jane");
      assertThat(Http.send(request).body(), is(ALL_BYTES));
    }
  }

  @ParameterizedTest
  @EnumSource
  void theApplicationReadsTheParametersOfAForm(Container container) {
    try (WebServer server = WebServer.start(container, this::showForm, builder.build())) {
      assertThat(Http.text(Http.send(form(server, "b=%C3%A4+%26&a=2&c"))), is("[1, 2][ä &][]"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aFormThatAnEarlierFilterAskedForIsTheSameAndToldFromAnother(Container container) {
    Filter asksBefore =
        (request, response, chain) -> {
          request.setCharacterEncoding("UTF-8");
          assertThat(request.getParameter("none") == null, is(true));
          chain.doFilter(request, response);
        };
    try (WebServer server =
        WebServer.start(container, this::showForm, asksBefore, builder.build())) {
      assertThat(Http.text(Http.send(form(server, "b=%C3%A4+%26&a=2&c"))), is("[1, 2][ä &][]"));
      assertThat(Http.send(form(server, "b=%C3%A4+%26&a=3&c")).statusCode(), is(422));
      assertThat(Http.text(Http.send(form(server, "b=%C3%A4+%26&a=2&c"))), is("[1, 2][ä &][]"));
      assertThat(effects.count(), is(1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aMalformedFormIsRefusedBeforeTheKeyIsClaimed(Container container) {
    try (WebServer server = WebServer.start(container, this::showForm, builder.build())) {
      for (HttpRequest.Builder malformed :
          List.of(form(server, "b=%zz&c"), form(server, "b=1&c", ";charset=none"))) {
        HttpResponse<byte[]> refused = Http.send(malformed);
        assertThat(refused.statusCode(), is(400));
        assertThat(Http.header(refused, "Content-Type"), is("application/problem+json"));
        assertThat(Http.text(refused), containsString("Form is malformed"));
      }
      assertThat(effects.count(), is(0));
      assertThat(Http.text(Http.send(form(server, "b=%41&c"))), is("[1][A][]"));
    }
  }

  private HttpRequest.Builder form(WebServer server, String body) {
    return form(server, body, "");
  }

  private HttpRequest.Builder form(WebServer server, String body, String charset) {
    return post(server, "/form?a=1", body)
        .header("Content-Type", "application/x-www-form-urlencoded" + charset);
  }

  private void showForm(
      jakarta.servlet.http.HttpServletRequest request,
      jakarta.servlet.http.HttpServletResponse response)
      throws java.io.IOException {
    effects.happen("form");
    String shown =
        Arrays.toString(request.getParameterValues("a"))
            + List.of(request.getParameter("b"))
            + List.of(request.getParameter("c"));
    response.getOutputStream().write(shown.getBytes(StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @EnumSource
  void aServerErrorFreesTheKeyUnlessItIsToBeKept(Container container) {
    Application failsFirst =
        (request, response) -> {
          effects.happen("attempt");
          response.setStatus(effects.count() == 1 ? 503 : 201);
        };
    try (WebServer server = WebServer.start(container, failsFirst, builder.build())) {
      assertThat(status(server, "/loans", "{}"), is(503));
      assertThat(status(server, "/loans", "{}"), is(201));
      assertThat(status(server, "/loans", "{}"), is(201));
      assertThat(effects.count(), is(2));
    }
    Application fails =
        (request, response) -> {
          effects.happen("attempt");
          response.setStatus(502);
        };
    Filter keeps = builder.abandonWhen(status -> false).build();
    try (WebServer server = WebServer.start(container, fails, keeps)) {
      assertThat(status(server, "/kept", "{}"), is(422));
      HttpRequest.Builder other =
          Http.post(server.uri("/kept"), "{}").header("Idempotency-Key", "\"kept\"");
      assertThat(Http.send(other.header(USER, "jane")).statusCode(), is(502));
      assertThat(Http.send(other).statusCode(), is(502));
      assertThat(effects.count(), is(3));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRequestThatTheApplicationLimitsIsNotKept(Container container) {
    Application limitsFirst =
        (request, response) -> {
          effects.happen("attempt");
          response.setStatus(effects.count() == 1 ? 429 : 201);
        };
    try (WebServer server = WebServer.start(container, limitsFirst, builder.build())) {
      assertThat(status(server, "/loans", "{}"), is(429));
      assertThat(status(server, "/loans", "{}"), is(201));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anExceptionFreesTheKey(Container container) {
    Application throwsFirst =
        (request, response) -> {
          effects.happen("attempt");
          response.getWriter().print("half a response");
          if (effects.count() == 1) {
            throw new IllegalStateException("no database");
          }
        };
    try (WebServer server = WebServer.start(container, throwsFirst, builder.build())) {
      HttpResponse<byte[]> failed = Http.send(post(server, "/loans", "{}"));
      assertThat(failed.statusCode(), is(500));
      assertThat(Http.text(failed), not(containsString("half a response")));
      assertThat(Http.text(Http.send(post(server, "/loans", "{}"))), is("half a response"));
      assertThat(effects.count(), is(2));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anErrorThatIsSentAndARedirectionAreReplayed(Container container) {
    Application application =
        (request, response) -> {
          effects.happen("attempt");
          if (request.getRequestURI().equals("/moved")) {
            response.sendRedirect("/loans/1");
          } else {
            response.sendError(404, "no such loan");
          }
        };
    try (WebServer server = WebServer.start(container, application, builder.build())) {
      HttpResponse<byte[]> first = Http.send(post(server, "/loans/7", "{}"));
      HttpResponse<byte[]> again = Http.send(post(server, "/loans/7", "{}"));
      assertThat(first.statusCode(), is(404));
      assertThat(again.statusCode(), is(404));
      assertThat(again.body(), is(first.body()));
      HttpRequest.Builder moved =
          Http.post(server.uri("/moved"), "{}")
              .header("Idempotency-Key", "\"moved\"")
              .header(USER, "jane");
      for (int i = 0; i < 2; i++) {
        HttpResponse<byte[]> response = Http.send(moved);
        assertThat(response.statusCode(), is(302));
        assertThat(Http.header(response, "Location"), is("/loans/1"));
      }
      assertThat(effects.count(), is(2));
    }
  }

  @ParameterizedTest
  @EnumSource
  void theChosenFieldsOfAnErrorAreReplayedExceptThoseOfItsBody(Container container) {
    Application fails =
        (request, response) -> {
          response.setHeader("Link", "</help>");
          response.setHeader("Content-Location", "/loans/7");
          response.sendError(404);
        };
    Filter filter = builder.replayedHeaders("Link", "Content-Location").build();
    try (WebServer server = WebServer.start(container, fails, filter)) {
      HttpResponse<byte[]> first = Http.send(post(server, "/loans/7", "{}"));
      HttpResponse<byte[]> again = Http.send(post(server, "/loans/7", "{}"));
      assertThat(again.statusCode(), is(404));
      assertThat(again.body(), is(first.body()));
      assertThat(Http.header(first, "Link"), is("</help>"));
      assertThat(Http.header(again, "Link"), is("</help>"));
      assertThat(Http.header(again, "Content-Location"), is(""));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aWriterKeepsItsCharsetAndTheResponseHasIt(Container container) {
    Application changesIt =
        (request, response) -> {
          response.setContentType("text/plain;charset=UTF-8");
          response.getWriter().print("Größe");
          response.setContentType("text/html;charset=ISO-8859-1");
          response.setCharacterEncoding("UTF-16LE");
          response.setCharacterEncoding(StandardCharsets.UTF_16BE);
          response.setHeader("Content-Type", "text/html;charset=ISO-8859-1");
          response.getWriter().print(" €");
        };
    try (WebServer server = WebServer.start(container, changesIt, builder.build())) {
      for (int i = 0; i < 2; i++) {
        HttpResponse<byte[]> response = Http.send(post(server, "/a", "{}"));
        assertThat(Http.text(response), is("Größe €"));
        assertThat(
            Http.header(response, "Content-Type").toLowerCase(Locale.ROOT).replace(" ", ""),
            is("text/html;charset=utf-8"));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatTheApplicationFlushesIsReplayedWithItsCharacters(Container container) {
    Application flushes =
        (request, response) -> {
          response.setContentType("text/plain;charset=UTF-16LE");
          response.getWriter().print("Größe");
          response.getWriter().flush();
          response.flushBuffer();
          response.getWriter().print(" €");
          response.getWriter().close();
        };
    try (WebServer server = WebServer.start(container, flushes, builder.build())) {
      HttpResponse<byte[]> first = Http.send(post(server, "/a", "{}"));
      HttpResponse<byte[]> again = Http.send(post(server, "/a", "{}"));
      assertThat(new String(again.body(), StandardCharsets.UTF_16LE), is("Größe €"));
      assertThat(again.body(), is(first.body()));
      assertThat(Http.header(again, "Content-Type"), is(Http.header(first, "Content-Type")));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anAsynchronousOrStreamedResponseIsRefusedAtOnceAndTheKeyIsFree(Container container) {
    AtomicInteger refusals = new AtomicInteger();
    Application asynchronous =
        (request, response) -> {
          try {
            switch (request.getRequestURI()) {
              case "/async" -> request.startAsync();
              case "/events" -> response.setContentType("text/event-stream");
              case "/events/charset" -> response.setContentType("Text/Event-Stream;charset=UTF-8");
              case "/events/set" -> response.setHeader("content-type", "text/event-stream ; a=b");
              case "/events/added" -> response.addHeader("Content-Type", "TEXT/EVENT-STREAM");
              default -> request.getParts();
            }
          } catch (IllegalStateException e) {
            assertThat(e.getMessage(), containsString("IdempotencyFilter"));
            refusals.incrementAndGet();
            throw e;
          }
        };
    try (WebServer server = WebServer.start(container, asynchronous, builder.build())) {
      List<String> paths =
          List.of("/async", "/events", "/events/charset", "/events/set", "/events/added", "/parts");
      for (String path : paths) {
        assertThat(status(server, path, "{}"), is(500));
      }
      assertThat(refusals.get(), is(paths.size()));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aResponseThatIsTooLargeToKeepIsSentAndTheRequestNeverHandledAgain(Container container) {
    Application large =
        (request, response) -> {
          effects.happen("large");
          response.getOutputStream().write(new byte[50_000]);
        };
    try (WebServer server = WebServer.start(container, large, builder.build())) {
      assertThat(Http.send(post(server, "/large", "{}")).body().length, is(50_000));
      HttpResponse<byte[]> again = Http.send(post(server, "/large", "{}"));
      assertThat(again.statusCode(), is(409));
      assertThat(Http.header(again, "Retry-After"), is(""));
      assertThat(effects.count(), is(1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aResponseThatNoServiceIsToKeepIsNeitherEncodedNorIsTheRequestHandledAgain(
      Container container) {
    IdempotencyService keepsAll =
        redis
            .over(
                p -> IdempotencyService.builder(p, "http"),
                c -> IdempotencyService.builder(c, "http"))
            .maxResultBytes(512 << 20)
            .build();
    Filter filter = IdempotencyFilter.builder(keepsAll, request -> "jane").build();
    int size = (64 << 20) + 1;
    Application huge =
        (request, response) -> {
          effects.happen("huge");
          response.getOutputStream().write(new byte[size]);
        };
    try (WebServer server = WebServer.start(container, huge, filter)) {
      assertThat(Http.send(post(server, "/huge", "{}")).body().length, is(size));
      HttpResponse<byte[]> again = Http.send(post(server, "/huge", "{}"));
      assertThat(again.statusCode(), is(409));
      assertThat(Http.text(again), containsString("was not kept"));
      assertThat(Http.header(again, "Retry-After"), is(""));
      assertThat(effects.count(), is(1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRequestIsHandledOnceHoweverItIsDispatched(Container container) {
    Application forwards =
        (request, response) -> {
          if (request.getRequestURI().equals("/first")) {
            request.getRequestDispatcher("/second").forward(request, response);
          } else {
            assertThat(IdempotencyFilter.attempt(request), is(1));
            creates.handle(request, response);
          }
        };
    try (WebServer server = WebServer.start(container, forwards, builder.build())) {
      assertThat(Http.text(Http.send(post(server, "/first", "{}"))), is("created 1"));
      assertThat(Http.text(Http.send(post(server, "/first", "{}"))), is("created 1"));
    }
  }
}
