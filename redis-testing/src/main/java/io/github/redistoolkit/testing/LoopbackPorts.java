package io.github.redistoolkit.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;

/**
 * Free loopback ports for servers.
 *
 * <p>They lie below the ports that operating systems give to outgoing connections, so that no
 * client takes the port of a server while that is stopped, and leave room for a cluster bus, which
 * Redis opens 10,000 above. Each JVM that runs suites beside others has a range of its own, for the
 * same reason: it holds the first port of its range for as long as it lives.
 */
final class LoopbackPorts {

  private static final int LOWEST = 11_000;
  private static final int RANGE = 500;
  private static final int RANGES = 20;
  private static final int TO_CLUSTER_BUS = 10_000;

  private static final ServerSocket HELD = holdRange();
  private static int next = HELD.getLocalPort();

  private LoopbackPorts() {}

  private static ServerSocket holdRange() {
    IOException failure = new IOException("no range");
    for (int range = 0; range < RANGES; range++) {
      try {
        return bound(LOWEST + range * RANGE);
      } catch (IOException e) {
        failure = e; // held by another JVM
      }
    }
    throw new UncheckedIOException("no range of ports is left on this machine", failure);
  }

  /**
   * Ports that nobody listens on now, and that this JVM was not given before until it has been
   * given all others.
   */
  static synchronized List<Integer> free(int count) {
    List<Integer> ports = new ArrayList<>();
    for (int tried = 1; ports.size() < count; tried++) {
      if (tried == RANGE) {
        throw new IllegalStateException("no free port left above " + HELD.getLocalPort());
      }
      next = next + 1 < HELD.getLocalPort() + RANGE ? next + 1 : HELD.getLocalPort() + 1;
      if (isFree(next) && isFree(next + TO_CLUSTER_BUS)) {
        ports.add(next);
      }
    }
    return List.copyOf(ports);
  }

  private static boolean isFree(int port) {
    try (ServerSocket socket = bound(port)) {
      return socket.isBound();
    } catch (IOException e) {
      return false; // taken, which is the answer that was asked for
    }
  }

  private static ServerSocket bound(int port) throws IOException {
    return new ServerSocket(port, 1, InetAddress.getLoopbackAddress());
  }
}
