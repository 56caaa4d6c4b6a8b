package com.example.app;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Uses the application over HTTP; throws if it does not do its work. */
final class Visitor {

  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final String root;

  private Visitor(String root) {
    this.root = root;
  }

  static void visit(int port) throws IOException, InterruptedException {
    Visitor visitor = new Visitor("http://127.0.0.1:" + port);
    visitor.readTwice();
    visitor.orderUntilRefused();
    visitor.lookAtHealthAndMeters();
  }

  private void readTwice() throws IOException, InterruptedException {
    for (int read = 0; read < 2; read++) {
      expect(get("/products/7"), 200, "{\"id\":\"7\",\"reads\":1}");
    }
  }

  private void orderUntilRefused() throws IOException, InterruptedException {
    expect(order("\"1\""), 200, "{\"product\":\"tea\",\"number\":1}");
    expect(order("\"1\""), 200, "{\"product\":\"tea\",\"number\":1}");
    expect(order("\"2\""), 200, "{\"product\":\"tea\",\"number\":2}");
    HttpResponse<String> refused = order("\"3\"");
    expect(refused, 429, "quota");
    if (refused.headers().firstValueAsLong("Retry-After").orElse(0) < 1) {
      throw new IllegalStateException("no Retry-After in " + refused.headers().map());
    }
  }

  private void lookAtHealthAndMeters() throws IOException, InterruptedException {
    expect(get("/actuator/health/redisToolkit"), 200, "\"status\":\"UP\"");
    expect(get("/actuator/metrics/redis.ratelimit.decisions"), 200, "\"refused\"");
    expect(get("/actuator/metrics/redis.idempotency.requests"), 200, "\"replayed\"");
    expect(get("/actuator/metrics/redis.stream.published"), 200, "\"value\":2.0");
    waitFor("/actuator/metrics/redis.stream.messages?tag=outcome:handled", "\"value\":2.0");
    expect(get("/actuator/metrics/redis.stream.lag?tag=group:shipping"), 200, "\"orders\"");
  }

  private void waitFor(String path, String part) throws IOException, InterruptedException {
    for (int tries = 0; tries < 300 && !get(path).body().contains(part); tries++) {
      Thread.sleep(100);
    }
    expect(get(path), 200, part);
  }

  private HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return send(HttpRequest.newBuilder(URI.create(root + path)));
  }

  private HttpResponse<String> order(String key) throws IOException, InterruptedException {
    return send(
        HttpRequest.newBuilder(URI.create(root + "/orders"))
            .header("Idempotency-Key", key)
            .POST(HttpRequest.BodyPublishers.ofString("tea")));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request)
      throws IOException, InterruptedException {
    return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static void expect(HttpResponse<String> response, int status, String part) {
    if (response.statusCode() != status || !response.body().contains(part)) {
      throw new IllegalStateException(
          "expected %d with %s, but %s is %d with %s"
              .formatted(status, part, response.uri(), response.statusCode(), response.body()));
    }
  }
}
