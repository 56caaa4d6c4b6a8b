package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;

import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.servlet.IdempotencyFilter;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.Principal;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.assertj.AssertableWebApplicationContext;
import org.springframework.boot.test.context.runner.ContextConsumer;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.boot.tomcat.autoconfigure.servlet.TomcatServletWebServerAutoConfiguration;
import org.springframework.boot.web.server.context.WebServerGracefulShutdownLifecycle;
import org.springframework.boot.web.server.servlet.context.AnnotationConfigServletWebServerApplicationContext;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.context.ConfigurableWebApplicationContext;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** The filters that the properties put before paths, in Boot's own Tomcat over a real Redis. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class StarterWebIT {

  /** Stands for what authenticates. */
  private static final String USER = "Test-User";

  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final TestRedis redis;
  private final String user;
  private final WebApplicationContextRunner application;

  StarterWebIT(TestRedis redis) {
    this.redis = redis;
    this.user = redis.unique("user");
    WebApplicationContextRunner bare =
        new WebApplicationContextRunner(AnnotationConfigServletWebServerApplicationContext::new)
            .withConfiguration(
                AutoConfigurations.of(
                    TomcatServletWebServerAutoConfiguration.class,
                    RedisToolkitAutoConfiguration.class))
            .withUserConfiguration(Counting.class)
            .withPropertyValues(
                "server.port=0",
                "server.address=127.0.0.1",
                "redis.toolkit.idempotency.name=" + redis.unique("http").replace(':', '-'));
    this.application =
        redis.over(
            pool ->
                bare.withBean(
                    "pool", Pool.class, () -> pool, bean -> bean.setDestroyMethodName("")),
            client ->
                bare.withBean(
                    "client",
                    UnifiedJedis.class,
                    () -> client,
                    bean -> bean.setDestroyMethodName("")));
  }

  /** Answers each request with how many it has handled. */
  static final class Counter extends HttpServlet {

    private static final long serialVersionUID = 1L;

    private final AtomicInteger handled = new AtomicInteger();

    @Override
    public void service(HttpServletRequest request, HttpServletResponse response)
        throws IOException {
      response.setContentType("text/plain");
      response.getWriter().print(handled.incrementAndGet());
    }
  }

  /** An application that knows its users. */
  @Configuration(proxyBeanMethods = false)
  static class Counting {

    @Bean
    ServletRegistrationBean<Counter> counter() {
      return new ServletRegistrationBean<>(new Counter(), "/*");
    }

    /** Where Spring Security's is. */
    @Bean
    FilterRegistrationBean<Filter> authentication() {
      FilterRegistrationBean<Filter> registration =
          new FilterRegistrationBean<>(
              (request, response, chain) ->
                  chain.doFilter(known((HttpServletRequest) request), response));
      registration.setOrder(-100);
      return registration;
    }

    private static HttpServletRequest known(HttpServletRequest request) {
      String name = request.getHeader(USER);
      return name == null
          ? request
          : new HttpServletRequestWrapper(request) {
            @Override
            public Principal getUserPrincipal() {
              return () -> name;
            }
          };
    }
  }

  private static HttpRequest.Builder to(AssertableWebApplicationContext context, String path) {
    int port =
        ((AnnotationConfigServletWebServerApplicationContext) context.getSourceApplicationContext())
            .getWebServer()
            .getPort();
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private void run(ContextConsumer<AssertableWebApplicationContext> test, String... properties) {
    application.withPropertyValues(properties).run(test);
  }

  @Test
  void aLimiterStandsBeforeItsPathsAndNoOthers() {
    run(
        context -> {
          HttpRequest.Builder limited = to(context, "/api/loans").header(USER, user);
          HttpResponse<String> first = send(limited);
          assertThat(first.statusCode(), is(200));
          assertThat(
              first.headers().firstValue("RateLimit-Policy").orElseThrow(),
              is("\"api-1-per-1h\";q=1;w=3600"));
          assertThat(send(limited).statusCode(), is(429));
          assertThat(send(to(context, "/open").header(USER, user)).statusCode(), is(200));
          assertThat(
              send(to(context, "/api/loans").header(USER, user + "-2")).statusCode(), is(200));
        },
        "redis.toolkit.ratelimit.limits.api=1/1h",
        "redis.toolkit.ratelimit.http.api=/api/*,/v2/*");
  }

  @Test
  void severalLimitersStandBeforeOnePath() {
    run(
        context -> {
          HttpRequest.Builder limited = to(context, "/api/loans").header(USER, user);
          HttpResponse<String> first = send(limited);
          // Each is told apart, though their limits are equal.
          assertThat(
              Set.copyOf(first.headers().allValues("RateLimit-Policy")),
              is(
                  Set.of(
                      "\"" + name() + "a-1-per-1h\";q=1;w=3600",
                      "\"" + name() + "b-1-per-1h\";q=1;w=3600")));
          assertThat(send(limited).statusCode(), is(429));
        },
        "redis.toolkit.ratelimit.limits." + name() + "a=1/1h",
        "redis.toolkit.ratelimit.limits." + name() + "b=1/1h",
        "redis.toolkit.ratelimit.http." + name() + "a=/api/*",
        "redis.toolkit.ratelimit.http." + name() + "b=/api/loans");
  }

  @Test
  void withoutAUserALimitIsThatOfTheAddress() {
    run(
        context -> {
          assertThat(send(to(context, "/api/a")).statusCode(), is(200));
          assertThat(send(to(context, "/api/b")).statusCode(), is(429));
          // Who calls himself by that address has permits of his own.
          assertThat(
              send(to(context, "/api/b").header(USER, "address:127.0.0.1")).statusCode(), is(200));
        },
        "redis.toolkit.ratelimit.limits." + name() + "=1/1h",
        "redis.toolkit.ratelimit.http." + name() + "=/api/*");
  }

  /** Of a limiter that no other test has. */
  private String name() {
    return "l" + Integer.toUnsignedString(user.hashCode(), 36);
  }

  @Test
  void anApplicationsOwnKeyGoesFirst() {
    application
        .withBean(
            RateLimitKey.class, () -> (limiter, request) -> limiter + request.getQueryString())
        .withPropertyValues(
            "redis.toolkit.ratelimit.limits." + name() + "=1/1h",
            "redis.toolkit.ratelimit.http." + name() + "=/api/*")
        .run(
            context -> {
              assertThat(send(to(context, "/api?a")).statusCode(), is(200));
              assertThat(send(to(context, "/api?b")).statusCode(), is(200));
              assertThat(send(to(context, "/api?b")).statusCode(), is(429));
            });
  }

  @Test
  void aRequestIsHandledOnceOnItsPaths() {
    run(
        context -> {
          HttpRequest.Builder payment =
              to(context, "/payments/1")
                  .header(USER, user)
                  .header("Idempotency-Key", "\"1\"")
                  .POST(HttpRequest.BodyPublishers.ofString("10"));
          HttpResponse<String> first = send(payment);
          assertThat(first.statusCode(), is(200));
          assertThat(send(payment).body(), is(first.body()));
          assertThat(
              send(payment.copy().uri(uri(context, "/other"))).body(), is(not(first.body())));
          // Nobody else's.
          assertThat(
              send(payment.copy().setHeader(USER, user + "-2")).body(), is(not(first.body())));
          assertThat(
              send(to(context, "/payments/1").header(USER, user).POST(noBody())).statusCode(),
              is(400));
        },
        "redis.toolkit.idempotency.http.paths=/payments/*");
  }

  /** Publishes what it is asked for, when the application is already on its way to its end. */
  @Configuration(proxyBeanMethods = false)
  static class Publishing {

    private final CountDownLatch begun = new CountDownLatch(1);

    @Bean
    ServletRegistrationBean<HttpServlet> publisher(
        DurableTopic<String> notes, TopicSubscriptions subscriptions, ApplicationContext context) {
      HttpServlet servlet =
          new HttpServlet() {
            private static final long serialVersionUID = 1L;

            @Override
            public void service(HttpServletRequest request, HttpServletResponse response)
                throws IOException {
              begun.countDown();
              Awaitility.await().until(() -> !server(context).isRunning());
              // The subscriptions still are.
              response.getWriter().print(subscriptions.isRunning() + notes.publish("late"));
            }
          };
      return new ServletRegistrationBean<>(servlet, "/publish");
    }

    private static WebServerGracefulShutdownLifecycle server(ApplicationContext context) {
      return context.getBean(WebServerGracefulShutdownLifecycle.class);
    }
  }

  @Test
  void aRequestThatIsBeingHandledWhenTheContextIsClosedMayStillPublish() {
    application
        .withUserConfiguration(Publishing.class)
        .withPropertyValues(
            "server.shutdown=graceful",
            "redis.toolkit.streams.notes.type=java.lang.String",
            "redis.toolkit.streams.notes.name=" + user)
        .run(
            context -> {
              CompletableFuture<HttpResponse<String>> answer =
                  HTTP.sendAsync(
                      to(context, "/publish").build(), HttpResponse.BodyHandlers.ofString());
              assertThat(
                  context.getBean(Publishing.class).begun.await(60, TimeUnit.SECONDS), is(true));
              context.getSourceApplicationContext(ConfigurableWebApplicationContext.class).close();
              HttpResponse<String> response = answer.get(60, TimeUnit.SECONDS);
              assertThat(response.statusCode(), is(200));
              assertThat(response.body(), startsWith("true"));
            });
  }

  private static URI uri(AssertableWebApplicationContext context, String path) {
    return to(context, path).build().uri();
  }

  private static HttpRequest.BodyPublisher noBody() {
    return HttpRequest.BodyPublishers.noBody();
  }

  @Test
  void aRequestOfNobodyIsNotHandled() {
    run(
        context ->
            assertThat(
                send(to(context, "/payments").header("Idempotency-Key", "\"1\"").POST(noBody()))
                    .statusCode(),
                is(500)),
        "redis.toolkit.idempotency.http.paths=/payments");
  }

  @Test
  void theFilterIsAsThePropertiesSay() {
    run(
        context -> {
          HttpRequest.Builder put = to(context, "/p").header(USER, user).PUT(noBody());
          assertThat(send(put.copy()).statusCode(), is(200));
          HttpRequest.Builder keyed = put.copy().header("Idempotency-Key", "\"2\"");
          assertThat(send(keyed).body(), is(send(keyed).body()));
          assertThat(
              send(keyed.copy().PUT(HttpRequest.BodyPublishers.ofString("12345678901")))
                  .statusCode(),
              is(413));
        },
        "redis.toolkit.idempotency.http.paths=/p",
        "redis.toolkit.idempotency.http.methods=PUT",
        "redis.toolkit.idempotency.http.key-optional=true",
        "redis.toolkit.idempotency.http.max-body=10B");
  }

  @Test
  void whatALimitRefusesIsNotClaimed() {
    run(
        context -> {
          HttpRequest.Builder payment =
              to(context, "/pay").header(USER, user).header("Idempotency-Key", "\"3\"");
          assertThat(send(payment.copy().POST(noBody())).statusCode(), is(200));
          HttpRequest.Builder refused =
              payment.copy().setHeader("Idempotency-Key", "\"4\"").POST(noBody());
          assertThat(send(refused).statusCode(), is(429));
          assertThat(
              redis
                  .admin()
                  .exists(
                      context
                          .getBean(IdempotencyService.class)
                          .redisKey(IdempotencyFilter.requestId(user, "4"))),
              is(false));
        },
        "redis.toolkit.ratelimit.limits." + name() + "=1/1h",
        "redis.toolkit.ratelimit.http." + name() + "=/pay",
        "redis.toolkit.idempotency.http.paths=/pay");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "redis.toolkit.ratelimit.http.nobody | /api/* | there is no limiter 'nobody'",
        "redis.toolkit.ratelimit.http.api | /api/** | is of the form",
        "redis.toolkit.ratelimit.http.api | api/* | is of the form",
        "redis.toolkit.ratelimit.http.api | /api/{id} | is of the form",
        "redis.toolkit.ratelimit.http.api | /a,/*/b | is of the form",
        "redis.toolkit.ratelimit.http.api | *.tar.gz | is of the form",
        "redis.toolkit.ratelimit.http.api | '' | there must be a path",
        "redis.toolkit.idempotency.http.paths | /payments* | is of the form",
        "redis.toolkit.idempotency.http.methods | GET | must not be a safe one",
        "redis.toolkit.idempotency.http.max-body | 1GB | maxBodyBytes",
        "redis.toolkit.idempotency.http.max-body | 9999GB | overflow",
        "redis.toolkit.idempotency.http.replayed-headers | Set-Cookie | must be one to replay",
      })
  void whatIsMalformedFailsTheStartWithItsProperty(String property, String value, String why) {
    run(
        context -> {
          assertThat(context.getStartupFailure(), is(not(nullValue())));
          String messages = StarterIT.messages(context.getStartupFailure());
          assertThat(messages, containsString(property));
          assertThat(messages, containsString(why));
        },
        "redis.toolkit.ratelimit.limits.api=1/1h",
        "redis.toolkit.idempotency.http.paths=/payments/*",
        property + "=" + value);
  }
}
