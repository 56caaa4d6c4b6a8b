package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.idempotency.IdempotencyService;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.RedisClient;

/** What is refused before a request comes. Nothing is sent to Redis. */
class BuildersTest {

  private static final RedisClient CLIENT = RedisClient.create("127.0.0.1", 1);

  private final IdempotencyFilter.Builder builder =
      IdempotencyFilter.builder(
          new IdempotencyService(CLIENT, "http", Duration.ofHours(1)), request -> "scope");

  @AfterAll
  static void close() {
    CLIENT.close();
  }

  private static String refusal(Executable call) {
    return assertThrows(IllegalArgumentException.class, call).getMessage();
  }

  @Test
  void safeMethodsAndWhatIsNone() {
    assertThat(
        refusal(() -> builder.methods("GET")),
        is("method must not be a safe one, which may be repeated anyway, but is GET"));
    assertThat(
        refusal(() -> builder.methods("POST", "a b")), is("method must be a token, but is 'a b'"));
  }

  @Test
  void headersThatAreNeverReplayed() {
    assertThat(
        refusal(() -> builder.replayedHeaders("ETag", "set-cookie")),
        is("header must be one to replay, but is set-cookie"));
    assertThat(
        refusal(() -> builder.replayedHeaders("a:b")), is("header must be a token, but is 'a:b'"));
  }

  @Test
  void bodiesOutOfRange() {
    assertThat(
        refusal(() -> builder.maxBodyBytes(-1)),
        is("maxBodyBytes must be from 0 to 536870912, but is -1"));
  }

  @Test
  void requestsOfDifferentScopesOrKeysHaveDifferentIds() {
    String id = IdempotencyFilter.requestId("a", "bc");
    assertThat(id.length(), is(64));
    assertThat(IdempotencyFilter.requestId("ab", "c"), is(not(id)));
    assertThat(IdempotencyFilter.requestId("a", "bc"), is(id));
    assertThat(
        refusal(() -> IdempotencyFilter.requestId("", "key")), is("scope must not be empty"));
  }
}
