package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import redis.clients.jedis.HostAndPort;

/** A proxy such as managed servers have, which does not pass {@code REDIRECT} on. */
final class TrackingProxy implements AutoCloseable {

  /** What a client is answered. */
  enum Answer {
    REFUSAL("-ERR REDIRECT is not supported\r\n"),
    /** As if it were done. */
    PRETENCE("+OK\r\n");

    private final String reply;

    Answer(String reply) {
      this.reply = reply;
    }
  }

  private final HostAndPort server;
  private final Answer answer;
  private final ServerSocket listener;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

  TrackingProxy(HostAndPort server, Answer answer) {
    this.server = server;
    this.answer = answer;
    try {
      this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    start(this::accept);
  }

  HostAndPort address() {
    return new HostAndPort("127.0.0.1", listener.getLocalPort());
  }

  private static void start(Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException e) {
                // One end was closed, and so is the other.
              }
            },
            "tracking-proxy");
    thread.setDaemon(true);
    thread.start();
  }

  @FunctionalInterface
  private interface Task {
    void run() throws IOException;
  }

  private void accept() throws IOException {
    while (true) {
      Socket client = listener.accept();
      Socket upstream = new Socket(server.getHost(), server.getPort());
      sockets.add(client);
      sockets.add(upstream);
      start(() -> passReplies(upstream, client));
      start(() -> passRequests(client, upstream));
    }
  }

  private void passReplies(Socket upstream, Socket client) throws IOException {
    try (upstream;
        client) {
      byte[] buffer = new byte[8192];
      for (int read = upstream.getInputStream().read(buffer);
          read >= 0;
          read = upstream.getInputStream().read(buffer)) {
        client.getOutputStream().write(buffer, 0, read);
      }
    }
  }

  private void passRequests(Socket client, Socket upstream) throws IOException {
    try (client;
        upstream) {
      InputStream in = new BufferedInputStream(client.getInputStream());
      OutputStream out = upstream.getOutputStream();
      while (true) {
        StringBuilder raw = new StringBuilder();
        List<String> request = request(in, raw);
        if (request.contains("TRACKING") && request.contains("REDIRECT")) {
          // Nothing else is being answered to a client that waits for this.
          client.getOutputStream().write(answer.reply.getBytes(ISO_8859_1));
        } else {
          out.write(raw.toString().getBytes(ISO_8859_1));
          out.flush();
        }
      }
    }
  }

  /** Reads a request, whose bytes are added to what is raw. */
  private static List<String> request(InputStream in, StringBuilder raw) throws IOException {
    int count = Integer.parseInt(line(in, raw).substring(1));
    List<String> words = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = Integer.parseInt(line(in, raw).substring(1));
      String word = new String(in.readNBytes(length + 2), ISO_8859_1);
      raw.append(word);
      words.add(word.substring(0, word.length() - 2));
    }
    return words;
  }

  private static String line(InputStream in, StringBuilder raw) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int next = in.read(); next != '\n'; next = in.read()) {
      if (next < 0) {
        throw new IOException("The client has gone");
      }
      line.append((char) next);
    }
    raw.append(line).append('\n');
    return line.substring(0, line.length() - 1);
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
