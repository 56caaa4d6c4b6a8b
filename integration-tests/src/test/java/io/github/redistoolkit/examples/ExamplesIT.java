package io.github.redistoolkit.examples;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** Each example says what its comment promises. */
@Tag("integration")
class ExamplesIT {

  private interface Example {
    void run(Pool<Jedis> pool, String prefix, PrintStream out) throws Exception;
  }

  private static List<String> said(Example example) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (Bed bed = Bed.open();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      example.run(bed.pool(), bed.prefix(), out);
    }
    return bytes.toString(StandardCharsets.UTF_8).lines().toList();
  }

  @Test
  void oneCallerAsksTheDatabase() throws Exception {
    assertThat(
        said(CacheExample::run),
        contains(
            "20 callers, queries of the database: 1",
            "renamed John to Jane",
            "queries after the write: 1"));
  }

  @Test
  void chargesOnce() throws Exception {
    assertThat(
        said(IdempotencyExample::run), contains("5 requests, charges: 1", "different receipts: 1"));
  }

  @Test
  void sellsEachOnce() throws Exception {
    assertThat(said(LockExample::run), contains("100 sold by 4 workers, left: 0"));
  }

  @Test
  void allowsTen() throws Exception {
    assertThat(
        said(RateLimitExample::run),
        contains(
            "15 requests, allowed: 10",
            "come back in minutes: 60",
            "another user is allowed: true"));
  }

  @Test
  void comesBack() throws Exception {
    assertThat(
        said(PubSubExample::run),
        contains(
            "handled UserEvent[kind=user_created, user=123]",
            "came back and said so: true",
            "handled UserEvent[kind=user_deleted, user=123]"));
  }

  @Test
  void waitsForWhoIsAway() throws Exception {
    assertThat(
        said(StreamExample::run),
        contains(
            "shipped Order[number=7, cents=1999] in delivery 1",
            "waiting for billing: 1",
            "billed Order[number=7, cents=1999] in delivery 2"));
  }

  @Test
  void countsThroughTwoConnections() throws Exception {
    assertThat(said(CoalescingExample::run), contains("64 threads counted to 6400"));
  }
}
