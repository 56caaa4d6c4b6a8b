package io.github.redistoolkit.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.module.ModuleDescriptor.Version;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A program on this machine that is a server.
 *
 * @param path where it is
 * @param version what it says of itself
 */
record ServerProgram(String path, Version version) {

  private static final Pattern VERSION = Pattern.compile("\\bv=(\\d+\\.\\d+\\.\\d+)");
  private static final Pattern SEPARATOR = Pattern.compile(Pattern.quote(File.pathSeparator));

  /**
   * The first {@code redis-server} or {@code valkey-server} in these folders.
   *
   * @param folders as the variable {@code PATH} has them
   * @throws IllegalStateException if it is there, but does not say its version
   */
  static Optional<ServerProgram> in(String folders) {
    return SEPARATOR
        .splitAsStream(folders)
        .filter(folder -> !folder.isEmpty())
        .map(Path::of)
        .flatMap(
            folder -> Stream.of(folder.resolve("redis-server"), folder.resolve("valkey-server")))
        .filter(file -> Files.isRegularFile(file) && Files.isExecutable(file))
        .findFirst()
        .map(file -> at(file.toString()));
  }

  /**
   * The one in this file.
   *
   * @throws IllegalStateException if it does not say its version
   */
  static ServerProgram at(String path) {
    try {
      Process asked =
          new ProcessBuilder(path, "--version")
              .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
              .redirectErrorStream(true)
              .start();
      String answer = new String(asked.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      Matcher version = VERSION.matcher(answer);
      if (asked.waitFor() != 0 || !version.find()) {
        throw new IllegalStateException(path + " does not say which version it is: " + answer);
      }
      return new ServerProgram(path, Version.parse(version.group(1)));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot run " + path, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while asking " + path, e);
    }
  }

  /** Whether this one is of a later version. */
  boolean isNewerThan(ServerProgram other) {
    return version.compareTo(other.version) > 0;
  }

  @Override
  public String toString() {
    return path + " " + version;
  }
}
