package io.github.redistoolkit.lending;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Sends requests to branches, over several clients in turn, and has every answer written down.
 * Thread-safe.
 */
final class LendingClient {

  private static final int CLIENTS = 8;
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  private final List<HttpClient> clients =
      Stream.generate(LendingClient::newClient).limit(CLIENTS).toList();
  private final AtomicInteger turns = new AtomicInteger();
  private final Consumer<Exchange> records;

  LendingClient(Consumer<Exchange> records) {
    this.records = records;
  }

  private static HttpClient newClient() {
    return HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(PATIENCE)
        .build();
  }

  /** Applies for a loan, once. */
  Exchange apply(Branch branch, String user, String key, long amountCents)
      throws IOException, InterruptedException {
    return send(branch, "POST", "/loans", user, key, "{\"amountCents\":" + amountCents + "}");
  }

  /** Applies for a loan, and does so again for as long as the answer says that it should. */
  Exchange applyUntilAnswered(Branch branch, String user, String key, long amountCents)
      throws IOException, InterruptedException {
    Exchange exchange = apply(branch, user, key, amountCents);
    while (exchange.retryAfter().isPresent()) {
      TimeUnit.SECONDS.sleep(exchange.retryAfter().getAsInt());
      exchange = apply(branch, user, key, amountCents);
    }
    return exchange;
  }

  Exchange pay(Branch branch, Loan loan) throws IOException, InterruptedException {
    return send(branch, "POST", "/loans/" + loan.id() + "/disbursement", loan.userId(), "", "");
  }

  Exchange read(Branch branch, String user) throws IOException, InterruptedException {
    return send(branch, "GET", "/users/" + user, user, "", "");
  }

  Exchange rename(Branch branch, String user, String name)
      throws IOException, InterruptedException {
    return send(branch, "PUT", "/users/" + user, user, "", "{\"name\":\"" + name + "\"}");
  }

  private Exchange send(
      Branch branch, String method, String path, String user, String key, String body)
      throws IOException, InterruptedException {
    URI uri = branch.uri(path);
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .timeout(PATIENCE)
            .header("Authorization", "Bearer " + user)
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (!key.isEmpty()) {
      request.header("Idempotency-Key", '"' + key + '"');
    }
    HttpClient client = clients.get(Math.floorMod(turns.getAndIncrement(), CLIENTS));
    long sent = System.nanoTime();
    HttpResponse<String> response = client.send(request.build(), BodyHandlers.ofString());
    Exchange exchange =
        new Exchange(
            method,
            path,
            user,
            key,
            body,
            sent,
            System.nanoTime(),
            response.statusCode(),
            response.headers(),
            response.body());
    records.accept(exchange);
    return exchange;
  }
}
