package io.github.redistoolkit.testing;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.PortBinding;
import com.github.dockerjava.api.model.Ports;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.Container;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.images.builder.Transferable;
import org.testcontainers.utility.DockerImageName;

/**
 * Servers in one container, each on its own port, which is published on 127.0.0.1 under the same
 * number: so what Sentinel and Cluster tell about each other holds inside and outside.
 *
 * <p>The container's own process does nothing, so that each server can be stopped and started.
 */
final class ContainerHost implements ServerHost {

  /** Bounds the life of a container that nothing else removes. */
  private static final String LIFE_SECONDS = "10800";

  private final GenericContainer<?> container;
  private final DockerClient docker;

  ContainerHost(String image, List<Integer> ports) {
    this.container =
        new GenericContainer<>(DockerImageName.parse(image))
            .withCreateContainerCmdModifier(command -> publish(command, ports));
    this.docker = DockerClientFactory.lazyClient();
    container.start();
  }

  private static void publish(CreateContainerCmd command, List<Integer> ports) {
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
    command
        .withEntrypoint("sleep")
        .withCmd(LIFE_SECONDS)
        .withExposedPorts(ports.stream().map(ExposedPort::tcp).toList());
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
  public void write(String file, String text) {
    container.copyFileToContainer(Transferable.of(text), directory() + "/" + file);
  }

  @Override
  public Running launch(List<String> command) {
    String id =
        docker
            .execCreateCmd(container.getContainerId())
            .withCmd(command.toArray(String[]::new))
            .exec()
            .getId();
    try {
      docker
          .execStartCmd(id)
          .withDetach(true)
          .exec(new com.github.dockerjava.api.async.ResultCallback.Adapter<>())
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
}
