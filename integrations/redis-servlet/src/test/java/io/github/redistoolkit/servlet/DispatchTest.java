package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.idempotency.IdempotencyService;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.RedisClient;

/** What passes without a look at its key. Nothing is sent to Redis. */
class DispatchTest {

  @Test
  void thePageOfAnErrorPasses() throws Exception {
    Map<String, Object> answers =
        Map.of(
            "getMethod",
            "POST",
            "getDispatcherType",
            DispatcherType.ERROR,
            "getHeaders",
            Collections.emptyEnumeration());
    AtomicInteger passed = new AtomicInteger();
    try (RedisClient client = RedisClient.create("127.0.0.1", 1)) {
      Filter filter =
          IdempotencyFilter.builder(
                  new IdempotencyService(client, "http", Duration.ofHours(1)),
                  request -> {
                    throw new IllegalStateException("nobody");
                  })
              .build();
      filter.doFilter(
          answering(HttpServletRequest.class, answers),
          answering(HttpServletResponse.class, Map.of()),
          (request, response) -> passed.incrementAndGet());
    }
    assertThat(passed.get(), is(1));
  }

  private static <T> T answering(Class<T> type, Map<String, Object> answers) {
    return type.cast(
        Proxy.newProxyInstance(
            DispatchTest.class.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> answers.get(method.getName())));
  }
}
