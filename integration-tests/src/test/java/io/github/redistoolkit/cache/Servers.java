package io.github.redistoolkit.cache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import redis.clients.jedis.HostAndPort;

/** Addresses for what cannot be had from a working server. */
final class Servers {

  private Servers() {}

  /** A loopback address that refuses connections. */
  static HostAndPort nobodyListens() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return new HostAndPort("127.0.0.1", socket.getLocalPort());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
