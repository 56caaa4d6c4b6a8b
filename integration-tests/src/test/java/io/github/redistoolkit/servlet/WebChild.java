package io.github.redistoolkit.servlet;

import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.servlet.WebServer.Container;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;

/** A server of its own JVM, both filters before an application that takes its time. */
final class WebChild {

  /** What the parent sends to hear how many effects there were. */
  static final String COUNT = "count";

  /** Where the application never comes back from, in Tomcat. */
  static final String HANGS = "/hangs";

  private WebChild() {}

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    Container container = Container.valueOf(args[2]);
    Duration lease = Duration.ofMillis(Long.parseLong(args[3]));
    long limit = Long.parseLong(args[4]);
    try (TestRedis redis = child.redis();
        Effects effects = new Effects()) {
      RateLimiter limiter =
          redis
              .over(p -> RateLimiter.builder(p, "web"), c -> RateLimiter.builder(c, "web"))
              .limit(Limit.of(limit, Duration.ofHours(1)))
              .build();
      IdempotencyService service =
          redis
              .over(
                  p -> IdempotencyService.builder(p, "http"),
                  c -> IdempotencyService.builder(c, "http"))
              .lease(lease)
              .build();
      WebServer.Application application =
          (request, response) -> {
            effects.happen(request.getHeader("Idempotency-Key"));
            if (request.getRequestURI().equals(HANGS) && container == Container.TOMCAT) {
              child.send("hangs");
              hang();
            }
            response.setStatus(201);
            response.getWriter().print("attempt " + IdempotencyFilter.attempt(request));
          };
      try (WebServer server =
          WebServer.start(
              container,
              application,
              new RateLimitFilter(limiter, request -> request.getHeader("X-User")),
              IdempotencyFilter.builder(service, request -> request.getHeader("X-User")).build())) {
        child.send(String.valueOf(server.port()));
        while (child.receive().equals(COUNT)) {
          child.send(String.valueOf(effects.count()));
        }
      }
    }
  }

  private static void hang() {
    try {
      Thread.currentThread().join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
