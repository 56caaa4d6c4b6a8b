package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.servlet.WebServer.Application;
import io.github.redistoolkit.servlet.WebServer.Container;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The filter over a network to Redis that fails: before, in the middle of, and after a request. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class IdempotencyFilterFaultIT {

  private static final Duration LEASE = Duration.ofSeconds(1);

  private final FaultProxy proxy;
  private final TestRedis behindProxy;
  private final String key;
  private final IdempotencyFilter filter;
  private final Effects effects = new Effects();
  private final Application creates =
      (request, response) -> {
        effects.happen("loan");
        response.setStatus(201);
        response.getWriter().print("created " + effects.count());
      };

  IdempotencyFilterFaultIT(TestRedis redis) {
    this.proxy = redis.proxy();
    this.behindProxy = redis.through(proxy);
    this.key = "\"" + redis.unique("key") + "\"";
    IdempotencyService service =
        behindProxy
            .over(
                p -> IdempotencyService.builder(p, "http"),
                c -> IdempotencyService.builder(c, "http"))
            .lease(LEASE)
            .build();
    this.filter = IdempotencyFilter.builder(service, request -> "jane").build();
  }

  @AfterEach
  void close() {
    proxy.heal();
    Awaitility.await().until(() -> behindProxy.borrowed() == 0);
    behindProxy.close();
    proxy.close();
    effects.close();
  }

  private HttpResponse<byte[]> send(WebServer server) {
    return Http.send(Http.post(server.uri("/loans"), "{}").header("Idempotency-Key", key));
  }

  private static boolean isScript(FaultProxy.Request request) {
    return request.name().startsWith("EVAL");
  }

  @ParameterizedTest
  @EnumSource
  void withoutRedisNothingRunsAndTheRequestMayBeSentAgain(Container container) {
    try (WebServer server = WebServer.start(container, creates, filter)) {
      proxy.refuse();
      HttpResponse<byte[]> refused = send(server);
      assertThat(refused.statusCode(), is(503));
      assertThat(Http.header(refused, "Content-Type"), is("application/problem+json"));
      assertThat(Http.text(refused), not(containsString("127.0.0.1")));
      assertThat(effects.count(), is(0));
      proxy.heal();
      assertThat(Http.text(handled(server)), is("created 1"));
    }
  }

  /** A claim that was asked for in vain is taken back in the background. */
  private HttpResponse<byte[]> handled(WebServer server) {
    return Awaitility.await().until(() -> send(server), response -> response.statusCode() == 201);
  }

  @ParameterizedTest
  @EnumSource
  void theReplyToBeginIsLost(Container container) {
    try (WebServer server = WebServer.start(container, creates, filter)) {
      Loss loss = proxy.loseReply("SET", 1, Then.CUT);
      assertThat(send(server).statusCode(), is(201));
      assertThat(loss.happened(), is(true));
      isReplayed(server);
    }
  }

  private void isReplayed(WebServer server) {
    HttpResponse<byte[]> again = send(server);
    assertThat(again.statusCode(), is(201));
    assertThat(Http.text(again), is("created 1"));
    assertThat(effects.count(), is(1));
  }

  @ParameterizedTest
  @EnumSource
  void theReplyToCompleteIsLost(Container container) {
    try (WebServer server = WebServer.start(container, creates, filter)) {
      Loss loss = proxy.loseReply(IdempotencyFilterFaultIT::isScript, 1, Then.CUT);
      assertThat(send(server).statusCode(), is(201));
      assertThat(loss.happened(), is(true));
      isReplayed(server);
    }
  }

  @ParameterizedTest
  @EnumSource
  void theReplyToAReplayIsLost(Container container) {
    try (WebServer server = WebServer.start(container, creates, filter)) {
      assertThat(send(server).statusCode(), is(201));
      Loss loss = proxy.loseReply("SET", 1, Then.CUT);
      isReplayed(server);
      assertThat(loss.happened(), is(true));
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyReplyToBeginIsLostSoNothingRuns(Container container) {
    try (WebServer server = WebServer.start(container, creates, filter)) {
      for (int n = 0; n < 20; n++) {
        Loss loss =
            proxy.loseReply(
                request -> request.name().equals("SET") || isScript(request), 1, Then.CUT);
        assertThat(loss.happened(), is(false));
      }
      assertThat(send(server).statusCode(), is(503));
      assertThat(effects.count(), is(0));
      proxy.heal();
      assertThat(Http.text(handled(server)), is("created 1"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void redisGoesWhileTheApplicationWorksSoTheResponseIsSentAndTheNextAttemptIsTold(
      Container container) {
    AtomicBoolean first = new AtomicBoolean(true);
    AtomicInteger attempt = new AtomicInteger();
    Application application =
        (request, response) -> {
          attempt.set(IdempotencyFilter.attempt(request));
          if (first.getAndSet(false)) {
            proxy.refuse();
          }
          creates.handle(request, response);
        };
    try (WebServer server = WebServer.start(container, application, filter)) {
      HttpResponse<byte[]> response = send(server);
      assertThat(response.statusCode(), is(201));
      assertThat(Http.text(response), is("created 1"));
      assertThat(attempt.get(), is(1));
      proxy.heal();
      assertThat(Http.text(handled(server)), is("created 2"));
      assertThat(attempt.get(), is(2));
    }
  }
}
