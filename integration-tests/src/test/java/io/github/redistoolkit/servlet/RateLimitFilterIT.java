package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.OnUnavailable;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.servlet.WebServer.Application;
import io.github.redistoolkit.servlet.WebServer.Container;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.Filter;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The filter in real containers, asked by a real client. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
@Tag("smoke")
class RateLimitFilterIT {

  private static final Duration HOUR = Duration.ofHours(1);
  private static final String USER = "X-User";

  private final TestRedis redis;
  private final String user;
  private final Effects effects = new Effects();
  private final Application works =
      (request, response) -> {
        effects.happen(request.getRequestURI());
        response.setStatus(200);
      };

  RateLimitFilterIT(TestRedis redis) {
    this.redis = redis;
    this.user = redis.unique("user");
  }

  @AfterEach
  void close() {
    effects.close();
  }

  private static RateLimiter limiter(TestRedis redis, UnaryOperator<RateLimiter.Builder> settings) {
    return settings
        .apply(redis.over(p -> RateLimiter.builder(p, "web"), c -> RateLimiter.builder(c, "web")))
        .build();
  }

  private Filter filter(Limit first, Limit... more) {
    return new RateLimitFilter(
        limiter(redis, builder -> builder.limit(first, more)), request -> request.getHeader(USER));
  }

  private HttpResponse<byte[]> get(WebServer server, String path) {
    return Http.send(as(user, server, path));
  }

  private static HttpRequest.Builder as(String user, WebServer server, String path) {
    return Http.to(server.uri(path)).header(USER, user);
  }

  @ParameterizedTest
  @EnumSource
  void tellsWhatIsLeftAndRefusesWithTheTimeToRetry(Container container) {
    Filter filter = filter(Limit.of(2, HOUR).named("per-hour"), Limit.of(5, HOUR.plusNanos(1000)));
    try (WebServer server = WebServer.start(container, works, filter)) {
      HttpResponse<byte[]> first = get(server, "/a");
      assertThat(first.statusCode(), is(200));
      assertThat(
          Http.header(first, "RateLimit-Policy"),
          is("\"per-hour\";q=2;w=3600, \"5-per-PT1H0.000001S\";q=5;w=3601"));
      assertThat(
          Http.header(first, "RateLimit"), is("\"per-hour\";r=1, \"5-per-PT1H0.000001S\";r=4"));
      assertThat(get(server, "/a").statusCode(), is(200));
      HttpResponse<byte[]> refused = get(server, "/a");
      assertThat(refused.statusCode(), is(429));
      assertThat(Http.header(refused, "Retry-After"), matchesPattern("3[56]\\d\\d"));
      assertThat(
          Http.header(refused, "RateLimit"),
          is(
              "\"per-hour\";r=0;t=%s, \"5-per-PT1H0.000001S\";r=3"
                  .formatted(Http.header(refused, "Retry-After"))));
      assertThat(Http.header(refused, "Content-Type"), is("application/problem+json"));
      assertThat(
          Http.text(refused),
          is(
              "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\","
                  + "\"title\":\"Too Many Requests\",\"status\":429,"
                  + "\"violated-policies\":[\"per-hour\"]}"));
      assertThat(effects.count(), is(2));
    }
  }

  @ParameterizedTest
  @EnumSource
  void retryAfterIsRoundedUpAndLongEnough(Container container) throws Exception {
    Filter filter = filter(Limit.of(1, Duration.ofMillis(1500)).named("slow"));
    try (WebServer server = WebServer.start(container, works, filter)) {
      assertThat(Http.header(get(server, "/a"), "RateLimit-Policy"), is("\"slow\";q=1;w=2"));
      HttpResponse<byte[]> refused = get(server, "/a");
      assertThat(refused.statusCode(), is(429));
      long told = System.nanoTime();
      Duration wait = Duration.ofSeconds(Long.parseLong(Http.header(refused, "Retry-After")));
      org.awaitility.Awaitility.await().until(() -> System.nanoTime() - told >= wait.toNanos());
      assertThat(get(server, "/a").statusCode(), is(200));
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofATokenBucketTellsTheTimeUntilItIsFull(Container container) {
    Filter filter = filter(Limit.tokenBucket(100, 3, Duration.ofSeconds(1)).named("burst"));
    try (WebServer server = WebServer.start(container, works, filter)) {
      assertThat(Http.header(get(server, "/a"), "RateLimit-Policy"), is("\"burst\";q=100;w=34"));
    }
  }

  /** As the draft has it: the seconds until there is more, with no Retry-After before that. */
  @ParameterizedTest
  @EnumSource
  void aRefusalTellsWhenThereIsMoreAndNotWhenAllIsBack(Container container) {
    Filter filter =
        filter(
            Limit.tokenBucket(2, 1, HOUR).named("slow"),
            Limit.tokenBucket(2, 1, HOUR.dividedBy(2)).named("fast"));
    try (WebServer server = WebServer.start(container, works, filter)) {
      assertThat(get(server, "/a").statusCode(), is(200));
      assertThat(get(server, "/a").statusCode(), is(200));
      HttpResponse<byte[]> refused = get(server, "/a");
      assertThat(refused.statusCode(), is(429));
      String retryAfter = Http.header(refused, "Retry-After");
      assertThat(retryAfter, matchesPattern("3[56]\\d\\d"));
      assertThat(
          Http.header(refused, "RateLimit"),
          matchesPattern("\"slow\";r=0;t=%s, \"fast\";r=0;t=1[78]\\d\\d".formatted(retryAfter)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void parallelRequestsGetExactlyTheLimit(Container container) {
    try (WebServer server = WebServer.start(container, works, filter(Limit.of(7, HOUR)))) {
      List<HttpRequest.Builder> requests = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        requests.add(as(user, server, "/" + i));
        requests.add(as(user + "-other", server, "/" + i));
      }
      List<HttpResponse<byte[]>> responses = Http.sendAll(requests);
      assertThat(count(responses, 200), is(14));
      assertThat(count(responses, 429), is(26));
      assertThat(effects.count(), is(14));
    }
  }

  private static int count(List<HttpResponse<byte[]>> responses, int status) {
    return Collections.frequency(responses.stream().map(HttpResponse::statusCode).toList(), status);
  }

  @ParameterizedTest
  @EnumSource
  void whatNoLimitCanGrantIsRefusedWithoutATimeToRetry(Container container) {
    RateLimiter limiter =
        limiter(redis, builder -> builder.limit(Limit.of(2, HOUR).named("per-hour")));
    Filter filter =
        RateLimitFilter.builder(limiter, request -> request.getHeader(USER))
            .permits(request -> Long.parseLong(request.getParameter("permits")))
            .build();
    try (WebServer server = WebServer.start(container, works, filter)) {
      HttpResponse<byte[]> refused = get(server, "/a?permits=3");
      assertThat(refused.statusCode(), is(429));
      assertThat(Http.header(refused, "Retry-After"), is(""));
      assertThat(Http.header(refused, "RateLimit"), is(""));
      assertThat(Http.text(refused), containsString("[\"per-hour\"]"));
      assertThat(get(server, "/a?permits=2").statusCode(), is(200));
      assertThat(effects.count(), is(1));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRequestWithoutAKeyIsAnErrorAndNeverAllowed(Container container) {
    try (WebServer server = WebServer.start(container, works, filter(Limit.of(2, HOUR)))) {
      assertThat(Http.send(Http.to(server.uri("/a"))).statusCode(), is(500));
      assertThat(Http.send(as("", server, "/a")).statusCode(), is(500));
      assertThat(effects.count(), is(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void whenRedisIsDownThePolicyDecides(Container container) {
    try (FaultProxy proxy = redis.proxy();
        TestRedis behindProxy = redis.through(proxy)) {
      proxy.refuse();
      assertThat(withoutRedis(container, behindProxy, OnUnavailable.THROW).statusCode(), is(503));
      assertThat(withoutRedis(container, behindProxy, OnUnavailable.DENY).statusCode(), is(503));
      assertThat(effects.count(), is(0));
      HttpResponse<byte[]> allowed = withoutRedis(container, behindProxy, OnUnavailable.ALLOW);
      assertThat(allowed.statusCode(), is(200));
      assertThat(Http.header(allowed, "RateLimit"), is(""));
      assertThat(effects.count(), is(1));
    }
  }

  private HttpResponse<byte[]> withoutRedis(
      Container container, TestRedis behindProxy, OnUnavailable policy) {
    RateLimiter limiter =
        limiter(behindProxy, builder -> builder.limit(Limit.of(2, HOUR)).onUnavailable(policy));
    Filter filter = new RateLimitFilter(limiter, request -> request.getHeader(USER));
    try (WebServer server = WebServer.start(container, works, filter)) {
      HttpResponse<byte[]> response = get(server, "/a");
      assertThat(Http.text(response), not(containsString("Jedis")));
      return response;
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRequestIsChargedOnceHoweverItIsDispatched(Container container) {
    Application forwards =
        (request, response) -> {
          if (request.getRequestURI().equals("/first")) {
            request.getRequestDispatcher("/second").forward(request, response);
          } else {
            works.handle(request, response);
          }
        };
    try (WebServer server = WebServer.start(container, forwards, filter(Limit.of(9, HOUR)))) {
      HttpResponse<byte[]> response = get(server, "/first");
      assertThat(Http.header(response, "RateLimit"), is("\"9-per-PT1H\";r=8"));
      assertThat(effects.count(), is(1));
      assertThat(Http.header(get(server, "/second"), "RateLimit"), is("\"9-per-PT1H\";r=7"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void severalFiltersAllCharge(Container container) {
    Filter each = filter(Limit.of(3, HOUR).named("each"));
    Filter all =
        new RateLimitFilter(
            limiter(redis, builder -> builder.limit(Limit.of(9, HOUR).named("all"))),
            request -> user + "-all");
    try (WebServer server = WebServer.start(container, works, each, all)) {
      HttpResponse<byte[]> response = get(server, "/a");
      assertThat(
          Http.header(response, "RateLimit-Policy"), is("\"each\";q=3;w=3600, \"all\";q=9;w=3600"));
      assertThat(Http.header(response, "RateLimit"), is("\"each\";r=2, \"all\";r=8"));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anAsynchronousResponseIsLimitedToo(Container container) {
    Application asynchronous =
        (request, response) -> {
          AsyncContext context = request.startAsync();
          context.start(
              () -> {
                response.setStatus(202);
                effects.happen("later");
                context.complete();
              });
        };
    try (WebServer server = WebServer.start(container, asynchronous, filter(Limit.of(1, HOUR)))) {
      assertThat(get(server, "/a").statusCode(), is(202));
      assertThat(get(server, "/a").statusCode(), is(429));
      assertThat(effects.count(), is(1));
    }
  }
}
