package io.github.redistoolkit.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Servers as processes of this machine, bound to loopback. */
final class LocalHost implements ServerHost {

  /**
   * Runs a command, and kills it once the standard input ends, as it does when this JVM ends,
   * however it does.
   */
  private static final String KEEPER =
      "trap '' HUP; exec 3<&0; \"$@\" 3<&- >/dev/null 2>&1 & server=$!;"
          + " { cat <&3 >/dev/null; kill -9 $server; } 2>/dev/null & keeper=$!;"
          + " wait $server; kill $keeper";

  private final String executable;
  private final Path directory;
  private final ConcurrentLinkedQueue<Process> keepers = new ConcurrentLinkedQueue<>();
  private final Thread atExit = new Thread(this::endAll, "stop-redis");

  LocalHost(String executable) {
    this.executable = executable;
    try {
      this.directory = Files.createTempDirectory("redis-test-");
      Runtime.getRuntime().addShutdownHook(atExit);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public String directory() {
    return directory.toString();
  }

  @Override
  public List<String> network() {
    return List.of("bind 127.0.0.1");
  }

  @Override
  public String executable() {
    return executable;
  }

  @Override
  public Running launch(String file, String text, List<String> command) {
    List<String> kept = new ArrayList<>(List.of("sh", "-c", KEEPER, "sh"));
    kept.addAll(command);
    try {
      Files.writeString(directory.resolve(file), text);
      Process keeper =
          new ProcessBuilder(kept)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      keepers.add(keeper);
      return keeper::isAlive;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run " + command, e);
    }
  }

  @Override
  public String run(String script) {
    try {
      Process shell = new ProcessBuilder("sh", "-c", script).redirectErrorStream(true).start();
      shell.getOutputStream().close();
      String output = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (shell.waitFor() != 0) {
        throw new IllegalStateException("failed: " + script + "\n" + output);
      }
      return output;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted in " + script, e);
    }
  }

  @Override
  public void close() {
    Runtime.getRuntime().removeShutdownHook(atExit);
    endAll();
  }

  private void endAll() {
    try {
      for (Process keeper : keepers) {
        keeper.getOutputStream().close();
      }
      for (Process keeper : keepers) {
        if (!keeper.waitFor(5, TimeUnit.SECONDS)) {
          throw new IllegalStateException("a server in " + directory + " does not end");
        }
      }
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
