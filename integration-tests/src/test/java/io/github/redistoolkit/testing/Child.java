package io.github.redistoolkit.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
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
 * <p>The child ends at once when its parent does. What it prints by other means goes to the
 * parent's standard error. Thread-safe.
 */
public final class Child {

  static final String READY = "!ready";
  static final String GO = "!go";

  private final PrintStream toParent;
  private final BlockingQueue<String> fromParent = new LinkedBlockingQueue<>();
  private final int number;
  private final String redis;

  private Child(PrintStream toParent, int number, String redis) {
    this.toParent = toParent;
    this.number = number;
    this.redis = redis;
  }

  /** The child that this JVM is. */
  public static Child of(String... args) {
    Child child = new Child(System.out, Integer.parseInt(args[0]), args[1]);
    System.setOut(System.err); // the protocol's alone from now on
    Thread listening = new Thread(child::listen, "child-listener");
    listening.setDaemon(true);
    listening.start();
    return child;
  }

  /** Which of its siblings it is, from 0. */
  public int number() {
    return number;
  }

  /** The Redis that the parent's suite uses, reached by the same kind of client. */
  public TestRedis redis() {
    return TestRedis.decode(redis);
  }

  /** Says that this child is ready, and waits until all of its siblings are. */
  public void awaitStart() throws InterruptedException {
    send(READY);
    String line = receive();
    if (!line.equals(GO)) {
      throw new IllegalStateException("the parent said " + line + " instead of " + GO);
    }
  }

  /** Sends the parent a line. */
  public void send(String line) {
    toParent.println(line);
    toParent.flush();
  }

  /** Sends the parent a history, which it adds to its own with {@link History#addLines}. */
  public void send(History history) {
    history.lines().forEach(this::send);
  }

  /** The parent's next line; waits for it. */
  public String receive() throws InterruptedException {
    return fromParent.take();
  }

  private void listen() {
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
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
