package io.github.redistoolkit.pubsub;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import redis.clients.jedis.HostAndPort;

/**
 * An address that leads to one server, and later to another, while connections to the first stay,
 * as with a name that is given to another host.
 */
final class Detour implements AutoCloseable {

  private final ServerSocket entrance;
  private final List<Socket> open = new CopyOnWriteArrayList<>();
  private volatile HostAndPort target;

  Detour(HostAndPort target) throws IOException {
    this.target = target;
    this.entrance = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    start(this::accept);
  }

  HostAndPort address() {
    return new HostAndPort("127.0.0.1", entrance.getLocalPort());
  }

  /** Has whoever comes from now on led to another server. */
  void leadTo(HostAndPort other) {
    target = other;
  }

  private static void start(Runnable task) {
    Thread thread = new Thread(task, "detour");
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!entrance.isClosed()) {
      try {
        Socket client = entrance.accept();
        open.add(client);
        Socket server = new Socket(target.getHost(), target.getPort());
        open.add(server);
        start(() -> pass(client, server));
        start(() -> pass(server, client));
      } catch (IOException e) {
        if (!entrance.isClosed()) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private static void pass(Socket from, Socket to) {
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      byte[] buffer = new byte[8192];
      for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
        out.write(buffer, 0, count);
      }
    } catch (IOException e) {
      // One of the two has ended the connection, and so ends the other.
    }
  }

  @Override
  public void close() throws IOException {
    entrance.close();
    for (Socket socket : open) {
      socket.close();
    }
  }
}
