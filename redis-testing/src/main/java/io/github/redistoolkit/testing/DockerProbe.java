package io.github.redistoolkit.testing;

import static java.util.Objects.requireNonNull;

import io.github.redistoolkit.testing.Backend.DockerAnswer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.utility.DockerImageName;

/**
 * Finds out, in bounded time, whether tests can run in containers.
 *
 * <p>It asks the engine by itself: Testcontainers retries a failing pull for two minutes, starting
 * with that of its own helper, which is too long on a machine without a registry.
 */
final class DockerProbe {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private DockerProbe() {}

  static DockerAnswer ask(String image) {
    AtomicReference<String> step = new AtomicReference<>("no Docker engine answers");
    CompletableFuture<DockerAnswer> answer = new CompletableFuture<>();
    Thread asking =
        new Thread(
            () -> {
              try {
                answer.complete(tryAll(image, step));
              } catch (IOException | RuntimeException e) {
                answer.complete(new DockerAnswer(false, requireNonNull(step.get())));
              }
            },
            "docker-probe");
    asking.setDaemon(true);
    asking.start();
    try {
      return answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      return new DockerAnswer(
          false, requireNonNull(step.get()) + " within " + PATIENCE.toSeconds() + " s");
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while asking for Docker", e);
    }
  }

  private static DockerAnswer tryAll(String image, AtomicReference<String> step)
      throws IOException {
    URI engine = DockerClientFactory.instance().getTransportConfig().getDockerHost();
    step.set("the Docker engine has no image " + image + " and cannot pull it");
    // Other ways to an engine (TLS, named pipes) are left to Testcontainers alone.
    if (engine.getScheme().equals("unix")) {
      String name = DockerImageName.parse(image).asCanonicalNameString();
      if (!has(engine, name)) {
        pull(engine, name);
        if (!has(engine, name)) {
          return new DockerAnswer(false, requireNonNull(step.get()));
        }
      }
    }
    step.set("Testcontainers cannot start (TESTCONTAINERS_RYUK_DISABLED=true may help)");
    // Not closed: it is the one client of all containers.
    String version = DockerClientFactory.instance().client().versionCmd().exec().getVersion();
    return new DockerAnswer(true, "Docker " + version + " answers and has the image");
  }

  private static boolean has(URI engine, String image) throws IOException {
    return request(engine, "GET /images/" + image + "/json").startsWith("HTTP/1.0 200");
  }

  private static void pull(URI engine, String image) throws IOException {
    String name = URLEncoder.encode(image, StandardCharsets.UTF_8);
    String progress = request(engine, "POST /images/create?fromImage=" + name);
    if (progress.isEmpty()) {
      throw new IOException("the engine says nothing about " + image);
    }
  }

  /** The whole answer; that to a pull ends with the pull. */
  private static String request(URI engine, String line) throws IOException {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(engine.getPath()));
        OutputStream out = Channels.newOutputStream(channel);
        InputStream in = Channels.newInputStream(channel)) {
      String request = line + " HTTP/1.0\r\nHost: docker\r\n\r\n";
      out.write(request.getBytes(StandardCharsets.UTF_8));
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
