package io.github.redistoolkit.testing;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * What the main class of a {@link ChildJvm} sees of its parent. The first line of such a class:
 *
 * <pre>{@code
 * Child child = Child.of(args);
 * }</pre>
 *
 * <p>Then it has the system properties that name the parent's Redis and the size of its run. The
 * first argument is its {@link #number}. The second says through which kind of client it reaches
 * Redis, for whoever looks at the list of processes.
 *
 * <p>The child ends at once when its parent does. What it prints by other means goes to the
 * parent's standard error. Thread-safe.
 */
public final class Child {

  static final String READY = "!ready";
  static final String GO = "!go";

  private final BufferedReader in;
  private final PrintStream toParent;
  private final BlockingQueue<String> fromParent = new LinkedBlockingQueue<>();
  private final int number;
  private final String redis;

  private Child(BufferedReader in, PrintStream toParent, int number, String redis) {
    this.in = in;
    this.toParent = toParent;
    this.number = number;
    this.redis = redis;
  }

  /**
   * The child that this JVM is.
   *
   * @param args those of the main method
   * @return the child
   * @throws UncheckedIOException if the parent has ended
   */
  public static Child of(String... args) {
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String redis = line(in);
    for (String setting = line(in); !setting.isEmpty(); setting = line(in)) {
      String[] pair = setting.split("=", 2);
      System.setProperty(pair[0], pair[1]);
    }
    Child child = new Child(in, System.out, Integer.parseInt(args[0]), redis);
    System.setOut(System.err); // the protocol's alone from now on
    Thread listening = new Thread(child::listen, "child-listener");
    listening.setDaemon(true);
    listening.start();
    return child;
  }

  private static String line(BufferedReader in) {
    try {
      String line = in.readLine();
      if (line == null) {
        throw new EOFException("the parent has ended");
      }
      return line;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Which of its siblings it is, from 0.
   *
   * @return the number
   */
  public int number() {
    return number;
  }

  /**
   * The Redis that the parent's suite uses, reached by the same kind of client.
   *
   * @return a new client each time, to be closed by the caller
   */
  public TestRedis redis() {
    return TestRedis.decode(redis);
  }

  /**
   * Says that this child is ready, and waits until all of its siblings are.
   *
   * @throws IllegalStateException if the parent says anything else
   * @throws InterruptedException if this thread is interrupted
   */
  public void awaitStart() throws InterruptedException {
    send(READY);
    String line = receive();
    if (!line.equals(GO)) {
      throw new IllegalStateException("the parent said " + line + " instead of " + GO);
    }
  }

  /**
   * Sends the parent a line.
   *
   * @param line without line ends
   */
  public void send(String line) {
    toParent.println(line);
    toParent.flush();
  }

  /**
   * Sends the parent a history, which it adds to its own with {@link History#addLines}.
   *
   * @param history all of it
   */
  public void send(History history) {
    history.lines().forEach(this::send);
  }

  /**
   * The parent's next line; waits for it.
   *
   * @return the line
   * @throws InterruptedException if this thread is interrupted
   */
  public String receive() throws InterruptedException {
    return fromParent.take();
  }

  private void listen() {
    try (in) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        fromParent.add(line);
      }
    } catch (IOException e) {
      System.err.println("child " + number + " lost its parent: " + e);
    }
    // Not exit(): shutdown hooks would wait, and a parent that died wants no manners.
    Runtime.getRuntime().halt(0);
  }
}
