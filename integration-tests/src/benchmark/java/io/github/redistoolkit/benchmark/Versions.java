package io.github.redistoolkit.benchmark;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Of what is measured, as the class path says. */
final class Versions {

  private static final Pattern JAR = Pattern.compile("(.+?)-(\\d.*)\\.jar");
  private static final List<String> MEASURED =
      List.of(
          "jedis",
          "redisson",
          "spring-data-redis",
          "spring-integration-redis",
          "lettuce-core",
          "jetcache-redis",
          "caffeine",
          "shedlock-provider-redis-jedis4",
          "bucket4j_jdk17-jedis");

  private Versions() {}

  /** Such as {@code jedis 8.0.2, redisson 4.7.0}. */
  static String text() {
    List<Matcher> jars =
        Pattern.compile(File.pathSeparator, Pattern.LITERAL)
            .splitAsStream(System.getProperty("java.class.path"))
            .map(path -> Objects.toString(Path.of(path).getFileName(), ""))
            .map(JAR::matcher)
            .filter(Matcher::matches)
            .toList();
    return MEASURED.stream()
        .flatMap(artifact -> version(artifact, jars))
        .collect(Collectors.joining(", "));
  }

  private static Stream<String> version(String artifact, List<Matcher> jars) {
    return jars.stream()
        .filter(jar -> jar.group(1).equals(artifact))
        .map(jar -> artifact + " " + jar.group(2));
  }
}
