package io.github.redistoolkit.testing;

import java.util.List;
import redis.clients.jedis.HostAndPort;

/** Servers that the bed has started, and stops when closed or, at the latest, when the JVM ends. */
final class StartedRedis implements AutoCloseable {

  private static final int ATTEMPTS = 3;

  private final ServerHost host;
  private final Deployment deployment;
  private final List<RedisServer> servers;
  private final Thread atExit;

  private StartedRedis(ServerHost host, Deployment deployment, List<RedisServer> servers) {
    this.host = host;
    this.deployment = deployment;
    this.servers = List.copyOf(servers);
    this.atExit = new Thread(host::close, "stop-redis");
    Runtime.getRuntime().addShutdownHook(atExit);
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
    List<Integer> ports = LoopbackPorts.free(1);
    ServerHost host = backend.host(ports);
    try {
      RedisServer server = RedisServer.data(host, ports.get(0), settings);
      server.start();
      List<HostAndPort> nodes = List.of(server.address());
      return new StartedRedis(host, Deployment.ours(topology, nodes), List.of(server));
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
    return deployment;
  }

  /** The servers that hold data. */
  List<RedisServer> servers() {
    return servers;
  }

  @Override
  public void close() {
    Runtime.getRuntime().removeShutdownHook(atExit);
    host.close();
  }
}
