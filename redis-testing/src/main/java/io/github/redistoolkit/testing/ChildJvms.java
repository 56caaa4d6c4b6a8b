package io.github.redistoolkit.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Several JVMs that run the same main class against the same Redis.
 *
 * <pre>{@code
 * try (ChildJvms jvms = ChildJvms.start(redis, 4, Incrementing.class, "200")) {
 *   jvms.go();                             // once each has called Child.awaitStart()
 *   List<String> lines = jvms.finish();    // what each sent until its main method returned
 * }
 * }</pre>
 *
 * <p>Each has this JVM's class path and 256 MB of heap, and ends with this JVM at the latest. For
 * one thread at a time.
 */
public final class ChildJvms implements AutoCloseable {

  private final List<ChildJvm> children = new ArrayList<>();

  private ChildJvms() {}

  /**
   * Starts them.
   *
   * @param redis what {@link Child#redis} gives them, reached by the same kind of client with as
   *     many connections
   * @param count how many
   * @param main a class whose main method begins with {@link Child#of}
   * @param arguments what follows the first two arguments, which are {@link Child}'s
   * @return the JVMs, which may not be ready yet
   * @throws IllegalStateException if something else is set for that client, such as its way through
   *     a proxy, which the children would not have
   * @throws IllegalArgumentException if the count is below 1
   */
  public static ChildJvms start(TestRedis redis, int count, Class<?> main, String... arguments) {
    if (count < 1) {
      throw new IllegalArgumentException("count must be at least 1, but is " + count);
    }
    ChildJvms jvms = new ChildJvms();
    try {
      for (int number = 0; number < count; number++) {
        jvms.children.add(ChildJvm.start(number, redis, main, Arrays.asList(arguments)));
      }
      return jvms;
    } catch (RuntimeException e) {
      jvms.close();
      throw e;
    }
  }

  /**
   * Starts one that differs from this JVM, as by its time zone, its language, or the version of
   * some classes.
   *
   * @param redis as for {@link #start}
   * @param options what its command line says before the main class
   * @param classes folders that come first on its class path
   * @param main a class whose main method begins with {@link Child#of}
   * @param arguments what follows the first two arguments
   * @return the JVM, to be closed by the caller
   */
  public static ChildJvm startDifferent(
      TestRedis redis,
      List<String> options,
      List<Path> classes,
      Class<?> main,
      String... arguments) {
    ChildJvm.Setting setting = new ChildJvm.Setting(options, classes);
    return ChildJvm.start(0, redis, main, Arrays.asList(arguments), setting);
  }

  /**
   * One of them, from 0.
   *
   * @param number which one
   * @return the one with this {@link Child#number}
   * @throws IndexOutOfBoundsException if there are not so many
   */
  public ChildJvm get(int number) {
    return children.get(number);
  }

  /**
   * Waits until each has called {@link Child#awaitStart}, and lets them all go on.
   *
   * @throws AssertionError if one says anything else, or nothing for a minute
   * @throws InterruptedException if this thread is interrupted
   */
  public void go() throws InterruptedException {
    for (ChildJvm child : children) {
      String line = child.receive();
      if (!line.equals(Child.READY)) {
        throw new AssertionError("a child said " + line + " before it was ready");
      }
    }
    children.forEach(child -> child.send(Child.GO));
  }

  /**
   * Every line that was not received before; waits until all have ended well.
   *
   * @return the lines, those of the first JVM first
   * @throws AssertionError if one does not end within a minute, or its exit code is not 0
   * @throws InterruptedException if this thread is interrupted
   */
  public List<String> finish() throws InterruptedException {
    List<String> lines = new ArrayList<>();
    for (ChildJvm child : children) {
      lines.addAll(child.finish());
    }
    return lines;
  }

  @Override
  public void close() {
    children.forEach(ChildJvm::close);
  }
}
