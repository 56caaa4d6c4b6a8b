package io.github.redistoolkit.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * Free loopback ports for servers.
 *
 * <p>They lie below the ports that operating systems give to outgoing connections, so that no
 * client takes the port of a server while that is stopped, and leave room for a cluster bus, which
 * Redis opens 10,000 above. Each JVM that runs suites beside others has a range of its own, for the
 * same reason.
 */
final class LoopbackPorts {

  private static final int FORKS = 4;
  private static final int RANGE = 2_500;
  private static final int LOWEST = 11_000 + Integer.getInteger("redis.fork", 0) % FORKS * RANGE;
  private static final int HIGHEST = LOWEST + RANGE;
  private static final int TO_CLUSTER_BUS = 10_000;

  private static final Set<Integer> GIVEN = new HashSet<>();

  private LoopbackPorts() {}

  /** Ports that nobody listens on now and that this JVM has not been given before. */
  static synchronized List<Integer> free(int count) {
    List<Integer> ports = new ArrayList<>();
    RandomGenerator random = RandomGenerator.getDefault();
    for (int attempt = 0; ports.size() < count; attempt++) {
      if (attempt > HIGHEST - LOWEST) {
        throw new IllegalStateException("no free port from " + LOWEST + " to " + HIGHEST);
      }
      int port = random.nextInt(LOWEST, HIGHEST);
      if (!GIVEN.contains(port) && isFree(port) && isFree(port + TO_CLUSTER_BUS)) {
        GIVEN.add(port);
        ports.add(port);
      }
    }
    return List.copyOf(ports);
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      return socket.isBound();
    } catch (IOException e) {
      return false; // taken, which is the answer that was asked for
    }
  }
}
