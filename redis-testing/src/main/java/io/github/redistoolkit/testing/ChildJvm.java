package io.github.redistoolkit.testing;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Another JVM with this one's class path, running a main class that begins with {@link Child#of}.
 *
 * <p>Parent and child talk in lines. The child can be killed and paused; it ends with its parent in
 * any case. It is told what this run names, so that servers it starts come from the same backend.
 * Thread-safe, but lines go to whoever asks first.
 */
public final class ChildJvm implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** The system properties that a run is started with, and its children too. */
  private static final List<String> NAMED_BY_RUN =
      List.of("redis.backend", "redis.image", "redis.server", "redis.url", "redis.matrix");

  private final Process process;
  private final PrintStream toChild;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

  /** Of what it sends, and of what it logs. */
  private final CountDownLatch allRead = new CountDownLatch(2);

  private Pause paused = Pause.NONE;

  private ChildJvm(Process process) {
    this.process = process;
    this.toChild = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
  }

  static ChildJvm start(int number, TestRedis redis, Class<?> main, List<String> arguments) {
    return start(number, redis, main, arguments, Setting.PLAIN);
  }

  /**
   * What another JVM may have different.
   *
   * @param options what the command line says before the main class
   * @param classes what comes first on the class path
   */
  record Setting(List<String> options, List<Path> classes) {

    static final Setting PLAIN = new Setting(List.of(), List.of());

    String classPath() {
      StringBuilder path = new StringBuilder();
      classes.forEach(folder -> path.append(folder).append(File.pathSeparator));
      return path + System.getProperty("java.class.path");
    }
  }

  static ChildJvm start(
      int number, TestRedis redis, Class<?> main, List<String> arguments, Setting setting) {
    String encoded = redis.encode();
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Many of them share few cores: they should start fast and stay small.
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"));
    command.addAll(setting.options());
    command.addAll(List.of("-cp", setting.classPath(), main.getName()));
    command.addAll(List.of(String.valueOf(number), redis.toString()));
    command.addAll(arguments);
    try {
      Process process = new ProcessBuilder(command).start();
      ChildJvm child = new ChildJvm(process);
      child.tell(encoded);
      // What it logs belongs to what its parent logs, wherever that goes.
      child.read(number, process.getErrorStream(), line -> System.err.println(line));
      child.read(number, process.getInputStream(), child.lines::add);
      return child;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start " + main, e);
    }
  }

  /**
   * Sends what {@link Child#of} reads. It is not in the command line, which {@code ps} shows to
   * everyone: a URL may hold a password.
   */
  private void tell(String redis) {
    send(redis);
    for (String name : NAMED_BY_RUN) {
      String value = System.getProperty(name);
      if (value != null) {
        send(name + "=" + value);
      }
    }
    send("");
  }

  /**
   * Sends the child a line.
   *
   * @param line without line ends
   */
  public void send(String line) {
    toChild.println(line);
  }

  /**
   * The child's next line; waits for it, at most a minute.
   *
   * @return the line
   * @throws AssertionError if none comes, or the child ends
   * @throws InterruptedException if this thread is interrupted
   */
  public String receive() throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      // Before looking for a line: the last one may come between the two.
      boolean ended = allRead.getCount() == 0;
      String line = lines.poll(20, TimeUnit.MILLISECONDS);
      if (line != null) {
        return line;
      }
      if (ended) {
        throw new AssertionError("the child ended without a further line, exit code " + exit());
      }
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError("no line from the child within " + PATIENCE);
      }
    }
  }

  /**
   * Every line that was not received before; waits until the child has ended well.
   *
   * @return the lines, in their order
   * @throws AssertionError if it does not end within a minute, or its exit code is not 0
   * @throws InterruptedException if this thread is interrupted
   */
  public List<String> finish() throws InterruptedException {
    if (!allRead.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("the child does not end within " + PATIENCE);
    }
    if (exit() != 0) {
      throw new AssertionError("the child's exit code is " + exit());
    }
    return linesSoFar();
  }

  /**
   * The lines that came and were not received before; does not wait.
   *
   * @return the lines, in their order
   */
  public List<String> linesSoFar() {
    List<String> rest = new ArrayList<>();
    lines.drainTo(rest);
    return rest;
  }

  /**
   * Ends it as {@code kill -9} does, and waits until it has ended.
   *
   * @throws InterruptedException if this thread is interrupted
   */
  public void kill() throws InterruptedException {
    Fault.JVM_KILL.happened();
    // Not the process itself: that would also throw away what it has sent and nobody has read yet.
    if (!process.toHandle().destroyForcibly() && process.isAlive()) {
      throw new IllegalStateException("process " + process.pid() + " cannot be killed");
    }
    process.waitFor();
    allRead.await();
  }

  /**
   * Stops it where it is (SIGSTOP), as a long pause of its garbage collector would. Does nothing if
   * it is paused.
   *
   * @throws IllegalStateException if it has ended
   */
  public synchronized void pause() {
    if (paused.equals(Pause.NONE) || !process.isAlive()) {
      paused = Pause.of(process.pid());
      Fault.JVM_PAUSE.happened();
    }
  }

  /** Lets it go on after {@link #pause} (SIGCONT). */
  public synchronized void resume() {
    paused.end();
    paused = Pause.NONE;
  }

  /**
   * Whether it has not ended.
   *
   * @return true while it is paused, too
   */
  public boolean isAlive() {
    return process.isAlive();
  }

  /**
   * Its process id.
   *
   * @return the operating system's
   */
  public long pid() {
    return process.pid();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    resume();
    toChild.close();
  }

  private int exit() throws InterruptedException {
    return process.waitFor();
  }

  private void read(int number, InputStream from, Consumer<String> to) {
    Thread reading = new Thread(() -> readAll(from, to), "child-" + number + "-reader");
    reading.setDaemon(true);
    reading.start();
  }

  private void readAll(InputStream from, Consumer<String> to) {
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(from, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        to.accept(line);
      }
    } catch (IOException e) {
      // Destroying a process also closes its streams, which is as good an end as any: that it was
      // not a good end is told by the exit code.
      process.destroyForcibly();
    } finally {
      allRead.countDown();
    }
  }

  /** A shell that stops a process until its input ends, so also if this JVM dies meanwhile. */
  private record Pause(@Nullable Process shell) {

    static final Pause NONE = new Pause(null);
    private static final String SCRIPT =
        Stopping.SCRIPT + " && echo stopped && cat >/dev/null; kill -s CONT $p 2>/dev/null";

    static Pause of(long pid) {
      try {
        Process shell =
            new ProcessBuilder("sh", "-c", "p=" + pid + "; " + SCRIPT)
                .redirectErrorStream(true)
                .start();
        String answer = shell.inputReader().readLine();
        if (!"stopped".equals(answer)) {
          throw new IllegalStateException(
              "cannot stop process " + pid + ", which may have ended: " + answer);
        }
        return new Pause(shell);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    void end() {
      if (shell == null) {
        return;
      }
      try {
        shell.getOutputStream().close();
        shell.waitFor();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
