package io.github.redistoolkit.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.HostAndPort;

/**
 * A network between clients and Redis that fails on demand: one loopback port before each server.
 *
 * <p>It understands requests and replies, so that it can count commands, and lose exactly the reply
 * to a command that was executed. Faults hold for all servers behind it, and for connections that
 * exist as well as for new ones.
 *
 * <p>Limits: no TLS; on a connection with subscriptions only pushed messages and the replies to
 * other commands are told apart, and a reply to {@code SUBSCRIBE} cannot be lost by itself.
 * Thread-safe.
 */
public final class FaultProxy implements AutoCloseable {

  /** The way that bytes take. */
  public enum Direction {
    /** Requests. */
    TO_SERVER,
    /** Replies and pushed messages. */
    TO_CLIENT
  }

  /** What becomes of a connection after a reply on it was lost. */
  public enum Then {
    /** It is closed, so the client knows at once that it will not hear. */
    CUT,
    /** It stays open and silent, so the client waits until it gives up. */
    SILENCE
  }

  /**
   * A command on its way: its name in upper case, and what follows.
   *
   * @param name the command's name in upper case
   * @param arguments what follows, decoded as UTF-8
   */
  public record Request(String name, List<String> arguments) {}

  private final Map<HostAndPort, Listener> listeners = new LinkedHashMap<>();
  private final Set<FaultyConnection> connections = ConcurrentHashMap.newKeySet();
  private final Map<String, LongAdder> counts = new ConcurrentHashMap<>();
  private final LongAdder repliedBytes = new LongAdder();
  private final List<Loss> losses = new CopyOnWriteArrayList<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition opened = lock.newCondition();
  private final Set<Direction> blocked = EnumSet.noneOf(Direction.class);
  private volatile long oneWayNanos;

  private FaultProxy(Collection<HostAndPort> targets) {
    for (HostAndPort target : targets) {
      listeners.put(target, new Listener(target));
    }
    accept();
  }

  /**
   * A proxy before these servers, letting everything through.
   *
   * @param targets where servers listen; at least one
   * @return a proxy that has its ports already, one for each of them
   * @throws IllegalArgumentException if there is no target
   */
  public static FaultProxy before(HostAndPort... targets) {
    if (targets.length == 0) {
      throw new IllegalArgumentException("targets must name at least one server");
    }
    return new FaultProxy(Arrays.asList(targets));
  }

  /**
   * Where clients connect to reach the first, or only, server.
   *
   * @return its port, which stays the same while the proxy is open
   */
  public HostAndPort address() {
    return listeners.values().iterator().next().address;
  }

  /**
   * Where clients connect to reach the given server; itself if it is not behind this proxy.
   *
   * @param target where a server listens
   * @return the port before it
   */
  public HostAndPort address(HostAndPort target) {
    Listener listener = listeners.get(target);
    return listener != null ? listener.address : target;
  }

  /**
   * Adds this to the time of each round trip, half of it each way.
   *
   * @param roundTrip zero for none, which is the default
   * @throws IllegalArgumentException if it is negative
   */
  public void latency(Duration roundTrip) {
    if (roundTrip.isNegative()) {
      throw new IllegalArgumentException("roundTrip must not be negative, but is " + roundTrip);
    }
    oneWayNanos = roundTrip.toNanos() / 2;
  }

  /** Closes every connection, at once, whatever is under way. New ones can be made. */
  public void cut() {
    Fault.CUT.happened();
    cutAll();
  }

  private void cutAll() {
    connections.forEach(FaultyConnection::cut);
  }

  /** Closes every connection and refuses new ones, as if the server's process were gone. */
  public void refuse() {
    Fault.REFUSAL.happened();
    refuseAll();
  }

  private void refuseAll() {
    listeners.values().forEach(Listener::close);
    cutAll();
  }

  /** Takes connections again after {@link #refuse}. */
  public void accept() {
    listeners.values().forEach(Listener::open);
  }

  /**
   * Lets nothing pass in the given directions (both if none is given), while connections stay open
   * and can be made. As TCP does, it delivers late, with {@link #heal}, what was sent meanwhile,
   * even if the sender has closed its end; and after some megabytes the sender is stuck.
   *
   * @param directions both if none is given
   */
  public void blackHole(Direction... directions) {
    Fault.BLACK_HOLE.happened();
    lock.lock();
    try {
      blocked.addAll(
          directions.length == 0 ? EnumSet.allOf(Direction.class) : Arrays.asList(directions));
    } finally {
      lock.unlock();
    }
  }

  /** Ends latency, black holes and refusals; replies that were to be lost no longer are. */
  public void heal() {
    oneWayNanos = 0;
    losses.clear();
    letPass();
    accept();
  }

  private void letPass() {
    lock.lock();
    try {
      blocked.clear();
      opened.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Loses the reply to the n-th command of this name, counted from now; the first is 1.
   *
   * @param command its name, in upper or lower case, without a subcommand
   * @param nth which one, from 1
   * @param then what becomes of the connection
   * @return what tells whether it has happened
   * @throws IllegalArgumentException if nth is below 1
   */
  public Loss loseReply(String command, int nth, Then then) {
    String name = command.toUpperCase(Locale.ROOT);
    return loseReply(request -> request.name().equals(name), nth, then);
  }

  /**
   * Loses the reply to the n-th request that matches, counted from now; the first is 1. The server
   * has executed it: requests that it refused, such as with {@code NOSCRIPT} or {@code MOVED}, do
   * not count and are answered.
   *
   * @param matches called for each reply that comes from a server, by the proxy's threads
   * @param nth which one, from 1
   * @param then what becomes of the connection
   * @return what tells whether it has happened
   * @throws IllegalArgumentException if nth is below 1
   */
  public Loss loseReply(Predicate<Request> matches, int nth, Then then) {
    if (nth < 1) {
      throw new IllegalArgumentException("nth must be at least 1, but is " + nth);
    }
    Loss loss = new Loss(matches, nth, then);
    losses.add(loss);
    return loss;
  }

  /**
   * How many requests with this name came from clients so far.
   *
   * @param command its name, in upper or lower case
   * @return how many since the proxy was made
   */
  public long requests(String command) {
    LongAdder count = counts.get(command.toUpperCase(Locale.ROOT));
    return count == null ? 0 : count.sum();
  }

  /**
   * How many bytes servers have sent to clients so far.
   *
   * @return the bytes, pushed messages included
   */
  public long repliedBytes() {
    return repliedBytes.sum();
  }

  void countReplied(int bytes) {
    repliedBytes.add(bytes);
  }

  /**
   * Connections that are open at this moment.
   *
   * @return those from clients
   */
  public int connections() {
    return connections.size();
  }

  @Override
  public void close() {
    refuseAll();
    letPass(); // ends the threads that wait there
  }

  /** A reply that is lost, or going to be. */
  public static final class Loss {

    private final Predicate<Request> matches;
    private final int nth;
    private final Then then;
    private final AtomicInteger seen = new AtomicInteger();
    private final CountDownLatch happened = new CountDownLatch(1);

    private Loss(Predicate<Request> matches, int nth, Then then) {
      this.matches = matches;
      this.nth = nth;
      this.then = then;
    }

    /**
     * Whether the server has executed the request and the reply is lost.
     *
     * @return whether it has happened
     */
    public boolean happened() {
      return happened.getCount() == 0;
    }

    /**
     * Waits for {@link #happened}, and fails if it does not come within ten seconds.
     *
     * @throws AssertionError if no reply is lost in time
     * @throws InterruptedException if this thread is interrupted
     */
    public void await() throws InterruptedException {
      if (!happened.await(10, TimeUnit.SECONDS)) {
        throw new AssertionError("no reply was lost within 10 s");
      }
    }
  }

  void count(Request request) {
    counts.computeIfAbsent(request.name(), name -> new LongAdder()).increment();
  }

  /** The loss that befalls the reply which has come for this request, or null. */
  @Nullable Then lossOf(Request request) {
    for (Loss loss : losses) {
      if (loss.matches.test(request) && loss.seen.incrementAndGet() == loss.nth) {
        losses.remove(loss);
        Fault.LOST_REPLY.happened();
        loss.happened.countDown();
        return loss.then;
      }
    }
    return null;
  }

  long oneWayNanos() {
    return oneWayNanos;
  }

  /** Waits while nothing may pass in this direction. */
  void awaitPassable(Direction direction) throws InterruptedException {
    lock.lock();
    try {
      while (blocked.contains(direction)) {
        opened.await();
      }
    } finally {
      lock.unlock();
    }
  }

  void ended(FaultyConnection connection) {
    connections.remove(connection);
  }

  /** The port before one server; it keeps its number while it refuses. */
  private final class Listener {

    private final HostAndPort target;
    private final HostAndPort address = new HostAndPort("127.0.0.1", LoopbackPorts.free(1).get(0));
    private @Nullable ServerSocket socket;
    private Thread accepting = new Thread();

    Listener(HostAndPort target) {
      this.target = target;
    }

    synchronized void open() {
      if (socket != null) {
        return;
      }
      try {
        socket = new ServerSocket();
        socket.setReuseAddress(true);
        socket.bind(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), address.getPort()), 512);
      } catch (IOException e) {
        throw new UncheckedIOException("cannot listen at " + address, e);
      }
      ServerSocket listening = socket;
      accepting = new Thread(() -> acceptAll(listening), "fault-proxy-" + address);
      accepting.setDaemon(true);
      accepting.start();
    }

    synchronized void close() {
      if (socket == null) {
        return;
      }
      try {
        socket.close();
        // As long as a thread accepts, the kernel does.
        accepting.join();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      socket = null;
    }

    private void acceptAll(ServerSocket listening) {
      while (true) {
        Socket client;
        try {
          client = listening.accept();
        } catch (SocketException e) {
          return; // closed
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
        FaultyConnection connection = new FaultyConnection(FaultProxy.this, client, target);
        connections.add(connection);
        connection.start();
        if (listening.isClosed()) {
          connection.cut(); // it came through while refuse() was closing the others
        }
      }
    }
  }
}
