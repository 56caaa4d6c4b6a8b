package io.github.redistoolkit.linkage;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;

import io.github.redistoolkit.testing.TestRedis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisClient;

/**
 * Whether the modules, compiled as they are, fit every Jedis and Gson that they are said to run
 * with. What else differs between these, the smoke selection finds, which CI runs with each.
 */
class LinkageTest {

  /** Where the build puts them. */
  private static final Path VERSIONS = Path.of("target/supported-versions");

  private static final String JEDIS = "redis/clients/jedis/";
  private static final String GSON = "com/google/gson/";

  private static final ClassFiles MODULES = Modules.together();

  static List<Path> jedis() throws IOException {
    return versions("jedis-*.jar");
  }

  static List<Path> gson() throws IOException {
    return versions("gson-*.jar");
  }

  private static List<Path> versions(String glob) throws IOException {
    try (Stream<Path> found = Files.list(VERSIONS)) {
      return found
          .filter(
              file ->
                  file.getFileSystem().getPathMatcher("glob:" + glob).matches(file.getFileName()))
          .sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("jedis")
  void everyReferenceToJedisResolves(Path jar) {
    assertThat(Linker.faults(MODULES, ClassFiles.of(jar), JEDIS), is(empty()));
  }

  /** Its clients of Jedis 7.2 and later are in a class of their own, which others do without. */
  @ParameterizedTest
  @MethodSource("jedis")
  void everyReferenceOfTheTestBedToJedisResolves(Path jar) {
    Set<String> faults = Linker.faults(ClassFiles.with(TestRedis.class), ClassFiles.of(jar), JEDIS);
    faults.removeIf(fault -> fault.startsWith("io/github/redistoolkit/testing/RedisClients "));
    assertThat(faults, is(empty()));
  }

  @ParameterizedTest
  @MethodSource("gson")
  void everyReferenceToGsonResolves(Path jar) {
    assertThat(Linker.faults(MODULES, ClassFiles.of(jar), GSON), is(empty()));
  }

  @Test
  void thereAreReferencesAndVersionsToCheck() throws IOException {
    assertThat(Linker.references(MODULES, JEDIS), is(greaterThan(100L)));
    assertThat(Linker.references(MODULES, GSON), is(greaterThan(20L)));
    assertThat(jedis(), hasSize(5));
    assertThat(gson(), hasSize(2));
  }

  @Test
  void whatAVersionLacksIsFound() throws IOException {
    ClassFiles oldest = ClassFiles.of(jedis().get(0));
    Set<String> faults = Linker.faults(ClassFiles.only(NeedsMore.class), oldest, JEDIS);
    String from = NeedsMore.class.getName().replace('.', '/');
    assertThat(faults, hasItem(startsWith(from + " needs redis.clients.jedis.RedisClient, ")));
    assertThat(
        faults, hasItem(startsWith(from + " needs redis.clients.jedis.RedisClient.builder()")));
    assertThat(
        faults,
        hasItem(startsWith(from + " needs redis.clients.jedis.Connection.getHostAndPort()")));
  }

  /** What is new since the oldest version: a class, and a method of a class that it has. */
  static final class NeedsMore {

    static Object client() {
      return RedisClient.builder();
    }

    static Object address(Jedis jedis) {
      return jedis.getConnection().getHostAndPort();
    }
  }
}
