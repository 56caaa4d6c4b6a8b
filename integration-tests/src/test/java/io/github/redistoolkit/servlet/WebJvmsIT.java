package io.github.redistoolkit.servlet;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.servlet.WebServer.Container;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Two servers, one of each container, each a JVM of its own. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class WebJvmsIT {

  private static final int LIMIT = 60;

  private final TestRedis redis;
  private final String user;

  WebJvmsIT(TestRedis redis) {
    this.redis = redis;
    this.user = redis.unique("user");
  }

  private ChildJvms start(Container container, String lease) {
    return ChildJvms.start(
        redis, 1, WebChild.class, container.name(), lease, String.valueOf(LIMIT));
  }

  private HttpRequest.Builder post(String port, String path, String key) {
    return Http.post(URI.create("http://127.0.0.1:" + port + path), "{}")
        .header("X-User", user)
        .header("Idempotency-Key", "\"" + key + "\"");
  }

  @Test
  void oneEffectForEachKeyAndNoMoreRequestsThanTheLimit() throws Exception {
    try (ChildJvms tomcat = start(Container.TOMCAT, "60000");
        ChildJvms jetty = start(Container.JETTY, "60000")) {
      List<String> ports = List.of(tomcat.get(0).receive(), jetty.get(0).receive());
      List<HttpRequest.Builder> requests = new ArrayList<>();
      for (int copy = 0; copy < 10; copy++) {
        for (int key = 0; key < 5; key++) {
          for (String port : ports) {
            requests.add(post(port, "/loans", "key-" + key));
          }
        }
      }
      List<HttpResponse<byte[]>> responses = Http.sendAll(requests);
      assertThat(count(responses, 201) + count(responses, 409), is((long) LIMIT));
      assertThat(count(responses, 429), is((long) requests.size() - LIMIT));
      assertThat(count(responses, 201), is(greaterThan(4L)));
      assertThat(effects(tomcat) + effects(jetty), is(5));
    }
  }

  private static long count(List<HttpResponse<byte[]>> responses, int status) {
    return responses.stream().filter(response -> response.statusCode() == status).count();
  }

  private static int effects(ChildJvms server) throws InterruptedException {
    server.get(0).send(WebChild.COUNT);
    return Integer.parseInt(server.get(0).receive());
  }

  @Test
  void whatAServerHadThatWasKilledIsHandledByAnotherWhichIsTold() throws Exception {
    try (ChildJvms killed = start(Container.TOMCAT, "700");
        ChildJvms other = start(Container.JETTY, "700")) {
      String port = killed.get(0).receive();
      Thread client = new Thread(() -> sendInVain(post(port, WebChild.HANGS, "key")));
      client.start();
      assertThat(killed.get(0).receive(), is("hangs"));
      killed.get(0).kill();
      client.join();
      String next = other.get(0).receive();
      HttpResponse<byte[]> response =
          Awaitility.await()
              .until(
                  () -> Http.send(post(next, WebChild.HANGS, "key")),
                  answer -> answer.statusCode() == 201);
      assertThat(Http.text(response), is("attempt 2"));
      assertThat(effects(other), is(1));
    }
  }

  private static void sendInVain(HttpRequest.Builder request) {
    try {
      assertThat(Http.send(request).statusCode(), is(0));
    } catch (java.io.UncheckedIOException e) {
      // The server is gone.
    }
  }
}
