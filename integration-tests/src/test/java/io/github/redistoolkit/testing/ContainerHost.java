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
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.Container;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * Servers in one container, each on its own port, which is published on 127.0.0.1 under the same
 * number: so what Sentinel and Cluster tell about each other holds inside and outside.
 *
 * <p>The container's own process does nothing, so that each server can be stopped and started. It
 * ends with its input, which this JVM holds open, and the engine then removes the container: so
 * neither outlives the JVM, however that ends and whether Testcontainers' reaper runs or not.
 */
final class ContainerHost implements ServerHost {

  private static final String WRITE_AND_RUN = "printf %s \"$2\" >\"$1\" && shift 2 && exec \"$@\"";

  private final Bound container;
  private final DockerClient docker;

  ContainerHost(String image, List<Integer> ports) {
    this.docker = DockerClientFactory.lazyClient();
    this.container = new Bound(DockerImageName.parse(image), docker, ports);
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
    List<String> shell =
        new ArrayList<>(List.of("sh", "-c", WRITE_AND_RUN, "sh", directory() + "/" + file, text));
    shell.addAll(command);
    String id =
        docker
            .execCreateCmd(container.getContainerId())
            .withCmd(shell.toArray(String[]::new))
            .exec()
            .getId();
    try {
      docker
          .execStartCmd(id)
          .withDetach(true)
          .exec(new ResultCallback.Adapter<>())
          .awaitCompletion();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while starting " + command, e);
    }
    return () -> docker.inspectExecCmd(id).exec().isRunning();
  }

  @Override
  public String run(String script) {
    try {
      Container.ExecResult result = container.execInContainer("sh", "-c", script);
      if (result.getExitCode() != 0) {
        throw new IllegalStateException(
            "failed: " + script + "\n" + result.getStdout() + result.getStderr());
      }
      return result.getStdout();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted in " + script, e);
    }
  }

  @Override
  public void close() {
    container.stop();
  }

  /** A container whose life is bound to that of this JVM. */
  private static final class Bound extends GenericContainer<Bound> {

    private static final Duration ATTACH = Duration.ofSeconds(30);

    private final DockerClient docker;

    /** The other end of its input, to which nothing is written. */
    private final PipedOutputStream toInput = new PipedOutputStream();

    private final ResultCallback.Adapter<Frame> attachment = new ResultCallback.Adapter<>();

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
          .withEntrypoint("cat")
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
            .withStdIn(new PipedInputStream(toInput))
            .withFollowStream(true)
            .exec(attachment);
        if (!attachment.awaitStarted(ATTACH.toSeconds(), TimeUnit.SECONDS)) {
          attachment.awaitCompletion(0, TimeUnit.SECONDS); // throws the reason if one is known
          throw new IllegalStateException("cannot attach to container " + id);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while attaching to a container", e);
      }
    }

    @Override
    public void stop() {
      super.stop();
      try {
        toInput.close();
        attachment.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
