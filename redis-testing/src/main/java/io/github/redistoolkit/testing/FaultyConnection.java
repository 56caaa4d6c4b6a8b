package io.github.redistoolkit.testing;

import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.FaultProxy.Request;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.RespReader.Message;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import redis.clients.jedis.HostAndPort;

/**
 * One connection through a {@link FaultProxy}: a reader and a writer for each direction, so that
 * latency delays what passes without slowing it down.
 */
final class FaultyConnection {

  /** Commands whose confirmations are pushed, however many there are, and not replies. */
  private static final Set<String> SUBSCRIBING =
      Set.of(
          "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE");

  /** What arrives unasked on a RESP2 connection that subscribes. */
  private static final Set<String> PUSHED = Set.of("MESSAGE", "PMESSAGE", "SMESSAGE");

  private static final byte[] END = {};

  /** What a network holds of what it does not deliver; beyond that, a sender has to wait. */
  private static final int MOST_HELD_BYTES = 1 << 20;

  private final FaultProxy proxy;
  private final Socket client;
  private final Socket server = new Socket();
  private final HostAndPort target;
  private final Queue<Request> unanswered = new ConcurrentLinkedQueue<>();
  private final Lane toServer = new Lane(Direction.TO_SERVER);
  private final Lane toClient = new Lane(Direction.TO_CLIENT);
  private final AtomicInteger openDirections = new AtomicInteger(2);
  private volatile boolean subscribes;
  private volatile boolean silent;

  FaultyConnection(FaultProxy proxy, Socket client, HostAndPort target) {
    this.proxy = proxy;
    this.client = client;
    this.target = target;
  }

  /** Bytes, and when they are due. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Parcel(byte[] bytes, long dueNanos) {}

  /** What is under way in one direction. */
  private final class Lane {

    private final Direction direction;
    private final BlockingQueue<Parcel> parcels = new LinkedBlockingQueue<>();
    private final AtomicLong heldBytes = new AtomicLong();

    private Lane(Direction direction) {
      this.direction = direction;
    }

    private void send(byte[] bytes) throws InterruptedException {
      if (heldBytes.addAndGet(bytes.length) > MOST_HELD_BYTES) {
        proxy.awaitPassable(direction);
      }
      parcels.add(new Parcel(bytes, System.nanoTime() + proxy.oneWayNanos()));
    }

    private void end() {
      parcels.add(new Parcel(END, 0));
    }

    private void deliver(Socket to) throws IOException, InterruptedException {
      OutputStream out = to.getOutputStream();
      try {
        for (Parcel parcel = parcels.take(); parcel.bytes() != END; parcel = parcels.take()) {
          TimeUnit.NANOSECONDS.sleep(parcel.dueNanos() - System.nanoTime());
          proxy.awaitPassable(direction);
          out.write(parcel.bytes());
          heldBytes.addAndGet(-parcel.bytes().length);
        }
        proxy.awaitPassable(direction);
        if (!to.isClosed()) {
          to.shutdownOutput();
        }
      } finally {
        if (openDirections.decrementAndGet() == 0) {
          cut();
        }
      }
    }
  }

  /** What a thread does until the stream ends or breaks. */
  private interface Work {
    void run() throws IOException, InterruptedException;
  }

  void start() {
    startThread("connect", this::connect);
  }

  /** Ends it at once. */
  void cut() {
    close(client);
    close(server);
    proxy.ended(this);
    toServer.end();
    toClient.end();
  }

  private void connect() throws IOException {
    client.setTcpNoDelay(true);
    server.setTcpNoDelay(true);
    server.connect(new InetSocketAddress(target.getHost(), target.getPort()), 5000);
    if (client.isClosed()) {
      cut();
      return;
    }
    startThread("requests", () -> readRequests(client.getInputStream()));
    startThread("replies", () -> readReplies(server.getInputStream()));
    startThread("to server", () -> toServer.deliver(server));
    startThread("to client", () -> toClient.deliver(client));
  }

  private void readRequests(InputStream in) throws IOException, InterruptedException {
    RespReader reader = new RespReader(in);
    try {
      for (Message message = reader.next(); message != null; message = reader.next()) {
        List<String> words = message.words();
        Request request =
            new Request(message.name(), words.isEmpty() ? words : words.subList(1, words.size()));
        proxy.count(request);
        if (SUBSCRIBING.contains(request.name())) {
          subscribes = true;
        } else {
          unanswered.add(request);
        }
        toServer.send(message.raw());
      }
    } finally {
      toServer.end();
    }
  }

  private void readReplies(InputStream in) throws IOException, InterruptedException {
    RespReader reader = new RespReader(in);
    try {
      for (Message message = reader.next(); message != null; message = reader.next()) {
        proxy.countReplied(message.raw().length);
        Request request = isPushed(message) ? null : unanswered.poll();
        Then then = request == null || message.isError() ? null : proxy.lossOf(request);
        if (then == Then.CUT) {
          cut();
          return;
        }
        silent |= then == Then.SILENCE;
        if (!silent) {
          toClient.send(message.raw());
        }
      }
    } finally {
      toClient.end();
    }
  }

  private boolean isPushed(Message message) {
    return message.type() == '>'
        || (subscribes
            && message.type() == '*'
            && (PUSHED.contains(message.name()) || SUBSCRIBING.contains(message.name())));
  }

  private void startThread(String name, Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException e) {
                brokenOff(name);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "fault-proxy-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  /** One end has gone. Requests already under way still arrive, as they would over a network. */
  private void brokenOff(String thread) {
    if (!thread.equals("requests") && !thread.equals("to client")) {
      cut();
    }
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
