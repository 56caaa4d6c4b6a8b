package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.HostAndPort;

/**
 * What ends TLS before servers, so that it can be had of each version and backend. Both sides must
 * prove who they are: nobody gets through without the key that clients are given here.
 */
final class TlsFront implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(TlsFront.class);

  private static final int RECEIVE_BUFFER_BYTES = 64 * 1024;
  private static final String PASSWORD = "for-this-test-only";

  /** Made once, since that takes a while. */
  private static final SSLContext CONTEXT = context();

  private final Map<HostAndPort, SSLServerSocket> listeners = new LinkedHashMap<>();
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

  TlsFront(List<HostAndPort> targets) throws IOException {
    for (HostAndPort target : targets) {
      SSLServerSocket listener =
          (SSLServerSocket) CONTEXT.getServerSocketFactory().createServerSocket();
      // Else it grows to the tens of megabytes with which tests mean to get a writer stuck.
      listener.setReceiveBufferSize(RECEIVE_BUFFER_BYTES);
      listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      listener.setNeedClientAuth(true);
      listeners.put(target, listener);
      start(() -> accept(listener, target));
    }
  }

  /** For this JVM alone, by a tool that is in every JDK. */
  private static KeyStore keys() throws IOException, GeneralSecurityException {
    Path directory = Files.createTempDirectory("tls-front-");
    Path store = directory.resolve("keys.p12");
    String keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    String options =
        "-genkeypair -alias redis -keyalg EC -groupname secp256r1 -dname CN=redis -validity 1"
            + " -ext san=ip:127.0.0.1 -storetype PKCS12 -storepass "
            + PASSWORD
            + " -keystore";
    try {
      Process process =
          new ProcessBuilder((keytool + " " + options + " " + store).split(" "))
              .redirectErrorStream(true)
              .start();
      String output = new String(process.getInputStream().readAllBytes(), UTF_8);
      if (process.waitFor() != 0) {
        throw new IOException("keytool failed: " + output);
      }
      return KeyStore.getInstance(store.toFile(), PASSWORD.toCharArray());
    } catch (InterruptedException e) {
      throw new IOException(e);
    } finally {
      Files.deleteIfExists(store);
      Files.delete(directory);
    }
  }

  private static SSLContext context() {
    try {
      return context(keys());
    } catch (IOException | GeneralSecurityException e) {
      throw new IllegalStateException("no keys for TLS", e);
    }
  }

  private static SSLContext context(KeyStore keys) throws GeneralSecurityException {
    KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    own.init(keys, PASSWORD.toCharArray());
    TrustManagerFactory trusted =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trusted.init(keys);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(own.getKeyManagers(), trusted.getTrustManagers(), null);
    return context;
  }

  /** What a client needs to get through. */
  SSLSocketFactory forClients() {
    return CONTEXT.getSocketFactory();
  }

  /** Where to connect for a server. */
  HostAndPort address(HostAndPort target) {
    return new HostAndPort("127.0.0.1", listeners.get(target).getLocalPort());
  }

  private void accept(SSLServerSocket listener, HostAndPort target) throws IOException {
    while (true) {
      SSLSocket client = (SSLSocket) listener.accept();
      sockets.add(client);
      start(() -> serve(client, target));
    }
  }

  private void serve(SSLSocket client, HostAndPort target) throws IOException {
    try (client) {
      client.startHandshake();
      try (Socket server = new Socket(target.getHost(), target.getPort())) {
        sockets.add(server);
        server.setTcpNoDelay(true);
        start(() -> pass(server.getInputStream(), client));
        pass(client.getInputStream(), server);
      }
    }
  }

  /** The end of one direction is the end of the connection. */
  private static void pass(InputStream from, Socket to) throws IOException {
    try (to) {
      OutputStream out = to.getOutputStream();
      byte[] buffer = new byte[16 * 1024];
      for (int read = from.read(buffer); read >= 0; read = from.read(buffer)) {
        out.write(buffer, 0, read);
        out.flush();
      }
    }
  }

  private interface Task {
    void run() throws IOException;
  }

  private static void start(Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException e) {
                LOG.debug("Ended, as all do once either side closes", e);
              }
            },
            "tls-front");
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    for (SSLServerSocket listener : listeners.values()) {
      listener.close();
    }
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}
