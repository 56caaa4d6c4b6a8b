package io.github.redistoolkit.testing;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.PortBinding;
import com.github.dockerjava.api.model.Ports;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * Servers in one container, each on its own port, which is published on 127.0.0.1 under the same
 * number: so what Sentinel and Cluster tell about each other holds inside and outside.
 *
 * <p>The container's own process is a shell, which starts, stops and looks after the servers; to
 * let the engine run a command in the container would cost it a fifth of a second of a core each
 * time. The shell ends with its input, which this JVM holds open, and the engine then removes the
 * container: so neither outlives the JVM, however that ends and whether Testcontainers' reaper runs
 * or not.
 */
final class ContainerHost implements ServerHost {

  /** Writes a file, and runs a command in the background, with a second file there meanwhile. */
  private static final String WRITE_AND_RUN =
      "running=$1; printf %s \"$3\" >\"$2\" && : >\"$running\" || exit; shift 3;"
          + " { \"$@\" >/dev/null 2>&1; rm \"$running\"; } &";

  private final Bound container;
  private final AtomicInteger launches = new AtomicInteger();

  ContainerHost(String image, List<Integer> ports) {
    this.container =
        new Bound(DockerImageName.parse(image), DockerClientFactory.lazyClient(), ports);
    try {
      container.start();
    } catch (RuntimeException e) {
      container.stop();
      throw e;
    }
  }

  @Override
  public String directory() {
    return "/data";
  }

  @Override
  public List<String> network() {
    // A published port is reached from the bridge's address, which protected mode would refuse.
    return List.of("bind * -::*", "protected-mode no");
  }

  @Override
  public String executable() {
    return "redis-server"; // Valkey's images have it as well
  }

  @Override
  public Running launch(String file, String text, List<String> command) {
    String path = directory() + "/" + file;
    String running = path + ".running-" + launches.incrementAndGet();
    List<String> words =
        new ArrayList<>(List.of("sh", "-c", WRITE_AND_RUN, "sh", running, path, text));
    words.addAll(command);
    container.shell.run(words);
    return () -> !run("[ ! -e " + running + " ] || echo yes").isEmpty();
  }

  @Override
  public String run(String script) {
    return container.shell.run(List.of("sh", "-c", script));
  }

  @Override
  public void close() {
    container.stop();
  }

  /** A container whose life is bound to that of this JVM. */
  private static final class Bound extends GenericContainer<Bound> {

    private static final Duration ATTACH = Duration.ofSeconds(30);

    private final DockerClient docker;
    private final PipedShell shell = new PipedShell();
    private final ResultCallback.Adapter<Frame> attachment = new Attachment(shell);

    Bound(DockerImageName image, DockerClient docker, List<Integer> ports) {
      super(image);
      this.docker = docker;
      withCreateContainerCmdModifier(command -> prepare(command, ports));
    }

    private static void prepare(CreateContainerCmd command, List<Integer> ports) {
      HostConfig host = command.getHostConfig();
      if (host == null) {
        throw new IllegalStateException("Testcontainers gives no host configuration");
      }
      host.withPortBindings(
          ports.stream()
              .map(
                  port ->
                      new PortBinding(
                          Ports.Binding.bindIpAndPort("127.0.0.1", port), ExposedPort.tcp(port)))
              .toList());
      host.withAutoRemove(true);
      command
          .withEntrypoint("sh")
          .withCmd()
          .withStdinOpen(true)
          .withStdInOnce(true)
          .withExposedPorts(ports.stream().map(ExposedPort::tcp).toList());
    }

    /** Attaches before the start, so that there is no moment when it runs on its own. */
    @Override
    protected void containerIsCreated(String id) {
      try {
        docker
            .attachContainerCmd(id)
            .withStdIn(shell.input())
            .withStdOut(true)
            .withStdErr(true)
            .withFollowStream(true)
            .exec(attachment);
        if (!attachment.awaitStarted(ATTACH.toSeconds(), TimeUnit.SECONDS)) {
          attachment.awaitCompletion(0, TimeUnit.SECONDS); // throws the reason if one is known
          throw new IllegalStateException("cannot attach to container " + id);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while attaching to a container", e);
      }
    }

    @Override
    public void stop() {
      super.stop();
      shell.close();
      try {
        attachment.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Gives a shell's output to whoever waits for it. */
  private static final class Attachment extends ResultCallback.Adapter<Frame> {

    private final PipedShell shell;

    Attachment(PipedShell shell) {
      this.shell = shell;
    }

    @Override
    public void onNext(Frame frame) {
      shell.printed(frame.getPayload());
    }

    @Override
    public void onError(Throwable failure) {
      shell.ended();
      super.onError(failure);
    }

    @Override
    public void onComplete() {
      shell.ended();
      super.onComplete();
    }
  }
}
