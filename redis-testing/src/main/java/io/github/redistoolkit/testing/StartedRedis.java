package io.github.redistoolkit.testing;

import java.util.List;

/** Servers that the bed has started, and stops when closed or, as hosts do, when the JVM ends. */
final class StartedRedis implements AutoCloseable {

  private static final int ATTEMPTS = 3;

  private final ServerHost host;
  private final Topology topology;
  private final Layout layout;

  private StartedRedis(ServerHost host, Topology topology, Layout layout) {
    this.host = host;
    this.topology = topology;
    this.layout = layout;
  }

  /**
   * Starts a topology.
   *
   * @param settings further lines for the configuration of each server that holds data
   */
  static StartedRedis start(Backend backend, Topology topology, List<String> settings) {
    for (int attempt = 1; ; attempt++) {
      try {
        return tryStart(backend, topology, settings);
      } catch (RuntimeException e) {
        // Between looking for a free port and using it, someone else may have taken it.
        if (attempt == ATTEMPTS || !isPortTaken(e)) {
          throw e;
        }
      }
    }
  }

  private static StartedRedis tryStart(Backend backend, Topology topology, List<String> settings) {
    List<Integer> ports = LoopbackPorts.free(Layout.ports(topology));
    ServerHost host = backend.host(ports);
    try {
      return new StartedRedis(host, topology, Layout.start(host, topology, ports, settings));
    } catch (RuntimeException e) {
      host.close();
      throw e;
    }
  }

  private static boolean isPortTaken(RuntimeException e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      String message = String.valueOf(cause.getMessage());
      if (message.contains("already in use") || message.contains("already allocated")) {
        return true;
      }
    }
    return false;
  }

  /** Where the servers are. */
  Deployment deployment() {
    return Deployment.ours(
        topology,
        layout.servers().stream().map(RedisServer::address).toList(),
        layout.sentinels().stream().map(RedisServer::address).toList());
  }

  /** The servers that hold data. */
  List<RedisServer> servers() {
    return layout.servers();
  }

  /** The servers that watch them. */
  List<RedisServer> sentinels() {
    return layout.sentinels();
  }

  @Override
  public void close() {
    host.close();
  }
}
