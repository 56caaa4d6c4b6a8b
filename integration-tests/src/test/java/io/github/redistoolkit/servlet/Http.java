package io.github.redistoolkit.servlet;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Requests as clients send them. */
final class Http {

  private static final HttpClient CLIENT = newClient();

  private Http() {}

  static HttpRequest.Builder to(URI uri) {
    return HttpRequest.newBuilder(uri).timeout(Duration.ofMinutes(1));
  }

  static HttpRequest.Builder post(URI uri, String body) {
    return to(uri).POST(HttpRequest.BodyPublishers.ofString(body));
  }

  private static HttpClient newClient() {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(Duration.ofSeconds(20))
        .build();
  }

  /**
   * Sends it over a connection of its own: a container may close one on which it has refused a
   * request before all of it had come, while a client takes it for the next request.
   */
  static HttpResponse<byte[]> send(HttpRequest.Builder request) {
    try {
      return newClient().send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Sends them all at once. */
  static List<HttpResponse<byte[]>> sendAll(List<HttpRequest.Builder> requests) {
    List<CompletableFuture<HttpResponse<byte[]>>> sent = new ArrayList<>();
    for (HttpRequest.Builder request : requests) {
      sent.add(CLIENT.sendAsync(request.build(), HttpResponse.BodyHandlers.ofByteArray()));
    }
    return sent.stream().map(CompletableFuture::join).toList();
  }

  static String text(HttpResponse<byte[]> response) {
    return new String(response.body(), StandardCharsets.UTF_8);
  }

  static String header(HttpResponse<?> response, String name) {
    return String.join(", ", response.headers().allValues(name));
  }
}
