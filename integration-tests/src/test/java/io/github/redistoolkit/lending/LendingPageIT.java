package io.github.redistoolkit.lending;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** The page with the figures, and what else the lending service answers, over HTTP. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class LendingPageIT {

  private static final Pattern FIGURE = Pattern.compile("<td id=\"(\\w+)\">");
  private static final String NAME = "{\"name\":\"another\"}";
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final TestRedis redis;

  LendingPageIT(TestRedis redis) {
    this.redis = redis;
  }

  private LendingRun start() {
    return new LendingRun(
        office ->
            redis.over(pool -> Branch.open(pool, office), client -> Branch.open(client, office)),
        redis.unique(""));
  }

  private static HttpRequest.Builder to(LendingRun run, String path) {
    return HttpRequest.newBuilder(run.page().resolve(path));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static JsonObject figures(LendingRun run) throws Exception {
    return JsonParser.parseString(send(to(run, "/figures")).body()).getAsJsonObject();
  }

  @Test
  void thePageHasAPlaceForEachFigureAndAsksNobodyElse() throws Exception {
    try (LendingRun run = start()) {
      HttpResponse<String> page = send(to(run, "/"));
      assertThat(page.statusCode(), is(200));
      assertThat(page.headers().firstValue("Content-Type").orElseThrow(), startsWith("text/html"));
      assertThat(
          page.headers().firstValue("Content-Security-Policy").orElseThrow(),
          startsWith("default-src 'none'; connect-src 'self';"));
      List<String> places =
          FIGURE.matcher(page.body()).results().map(found -> found.group(1)).toList();
      assertThat(places, is(not(empty())));
      assertThat(new TreeSet<>(places), is(new TreeSet<>(figures(run).keySet())));
      assertThat(page.body(), not(containsString("http")));
    }
  }

  @Test
  void theFiguresAreThoseOfWhatGoesOn() throws Exception {
    try (LendingRun run = start()) {
      JsonObject before = figures(run);
      assertThat(
          before.keySet().stream().filter(name -> before.get(name).getAsLong() != 0).toList(),
          is(List.of()));
      run.goOn();
      Set<String> moving =
          Set.of(
              "requests",
              "handled",
              "replayed",
              "mismatched",
              "hits",
              "misses",
              "acquired",
              "published",
              "received");
      Awaitility.await()
          .until(
              () -> {
                JsonObject read = figures(run);
                return moving.stream().allMatch(name -> read.get(name).getAsLong() > 0);
              });
      long requests = figures(run).get("requests").getAsLong();
      Awaitility.await().until(() -> figures(run).get("requests").getAsLong() > requests);
      assertThat(figures(run).get("failed").getAsLong(), is(0L));
    }
  }

  @Test
  void theServiceRefusesWhatIsWrong() throws Exception {
    try (LendingRun run = start()) {
      String keyed = "{\"amountCents\":100}";
      assertThat(status(run, "POST", "/loans", "", "1", keyed), is(401));
      assertThat(status(run, "POST", "/loans", "user-1", "", keyed), is(400));
      assertThat(status(run, "POST", "/loans", "user-1", "2", "{\"amountCents\":0}"), is(400));
      assertThat(status(run, "POST", "/loans", "user-1", "3", ""), is(400));
      assertThat(status(run, "POST", "/loans", "user-1", "4", "no JSON"), is(400));
      assertThat(status(run, "POST", "/loans", "nobody", "5", keyed), is(404));
      assertThat(status(run, "POST", "/loans", "user-1", "6", keyed), is(201));
      assertThat(status(run, "POST", "/loans/none/disbursement", "user-1", "", ""), is(404));
      assertThat(status(run, "GET", "/users/user-1", "", "", ""), is(401));
      assertThat(status(run, "GET", "/users/nobody", "user-1", "", ""), is(404));
      assertThat(status(run, "GET", "/users/user-1", "user-1", "", ""), is(200));
      assertThat(status(run, "PUT", "/users/user-2", "user-1", "", NAME), is(403));
      assertThat(status(run, "PUT", "/users/user-1", "user-1", "", NAME), is(204));
      assertThat(status(run, "PUT", "/users/user-1", "user-1", "", "{}"), is(400));
      assertThat(status(run, "DELETE", "/users/user-1", "user-1", "", ""), is(404));
      assertThat(status(run, "GET", "/users", "user-1", "", ""), is(404));
      assertThat(status(run, "GET", "/users/", "user-1", "", ""), is(404));
      assertThat(status(run, "POST", "/figures", "", "", ""), is(404));
      assertThat(status(run, "GET", "/figures/x", "", "", ""), is(404));
      assertThat(figures(run).get("failed").getAsLong(), is(0L));
    }
  }

  private static int status(
      LendingRun run, String method, String path, String user, String key, String body)
      throws Exception {
    HttpRequest.Builder request =
        to(run, path).method(method, HttpRequest.BodyPublishers.ofString(body));
    if (!user.isEmpty()) {
      request.header("Authorization", "Bearer " + user);
    }
    if (!key.isEmpty()) {
      request.header("Idempotency-Key", '"' + key + '"');
    }
    return send(request).statusCode();
  }

  @Test
  void theServiceListensOnTheLoopbackInterfaceAlone() throws Exception {
    try (LendingRun run = start()) {
      assertThat(InetAddress.getByName(run.page().getHost()).isLoopbackAddress(), is(true));
      for (NetworkInterface each : Collections.list(NetworkInterface.getNetworkInterfaces())) {
        for (InetAddress address : Collections.list(each.getInetAddresses())) {
          if (!address.isLoopbackAddress()) {
            assertThrows(
                IOException.class, () -> new Socket(address, run.page().getPort()).close());
          }
        }
      }
    }
  }
}
