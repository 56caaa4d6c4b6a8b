package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which server is taken, and what is said if the one that was asked for cannot be had. */
class BackendTest {

  private static final String TESTCONTAINERS = "org.testcontainers.";
  private static final String EMBEDDED = "redis.embedded.";

  private final String backendBefore = System.getProperty("redis.backend", "");

  @TempDir Path folder;

  @BeforeEach
  @AfterEach
  void forgetBackend() {
    System.setProperty("redis.backend", backendBefore);
  }

  @Test
  void whoAsksForContainersWithoutTestcontainersIsToldWhatToAdd() {
    assertThat(
        refusal("container", TESTCONTAINERS),
        allOf(
            containsString("redis.backend=container, but Testcontainers is not on the class path"),
            containsString("org.testcontainers:testcontainers")));
  }

  @Test
  void whoAsksForTheEmbeddedServerWithoutItIsToldWhatToAdd() {
    assertThat(
        refusal("embedded", EMBEDDED),
        allOf(
            containsString("not on the class path (org.signal:embedded-redis)"),
            containsString("named by redis.backend")));
  }

  @Test
  void withNeitherBothAreNamed() {
    assertThat(
        refusal("auto", TESTCONTAINERS, EMBEDDED),
        allOf(
            containsString("org.testcontainers:testcontainers"),
            containsString("org.signal:embedded-redis"),
            containsString("-Dredis.server=path")));
  }

  @Test
  void withoutTestcontainersTheEmbeddedServerIsTakenByItself() throws Exception {
    System.setProperty("redis.backend", "auto");
    assertThat(
        String.valueOf(choose(TESTCONTAINERS)),
        allOf(
            containsString("embedded redis-server"),
            containsString("automatic, because Testcontainers is not on the class path")));
  }

  @Test
  void aNewerServerOnThePathIsTakenIfItIsAskedFor() throws IOException {
    Path newer = program("redis-server", "Redis server v=99.0.1 sha=00000000:0 malloc=libc");
    Backend.Embedded chosen = Backend.Embedded.chosen("path", folder.toString(), "named");
    assertThat(chosen.executable(), is(newer.toString()));
    assertThat(chosen.description(), is(newer.toString()));
    assertThat(chosen.reason(), containsString("named; newer than the embedded 7.0.15"));
  }

  @Test
  void itIsNotTakenIfNobodyAsksForIt() throws IOException {
    Path newer = program("redis-server", "Redis server v=99.0.1 sha=00000000:0 malloc=libc");
    assertThat(
        Backend.Embedded.chosen("embedded", folder.toString(), "named").executable(),
        is(not(newer.toString())));
  }

  @Test
  void aServerOnThePathThatIsNotNewerIsNotTakenAndThatIsSaid() throws IOException {
    Path older = program("redis-server", "Redis server v=7.0.9 sha=00000000:0 malloc=libc");
    Backend.Embedded chosen = Backend.Embedded.chosen("path", folder.toString(), "named");
    assertThat(chosen.executable(), is(not(older.toString())));
    assertThat(chosen.reason(), endsWith(older + " 7.0.9 is not newer than the embedded one"));
  }

  @Test
  void valkeyIsFoundAsWell() throws IOException {
    Path valkey = program("valkey-server", "Valkey server v=8.1.3 sha=00000000:0 malloc=libc");
    assertThat(
        Backend.Embedded.chosen("path", "/no/such/folder:" + folder, "named").executable(),
        is(valkey.toString()));
  }

  @Test
  void whoAsksForAServerOnThePathIsToldIfThereIsNone() {
    IllegalStateException refusal =
        assertThrows(
            IllegalStateException.class,
            () -> Backend.Embedded.chosen("path", folder.toString(), "named"));
    assertThat(refusal.getMessage(), containsString("neither a redis-server nor a valkey-server"));
  }

  @Test
  void aProgramThatDoesNotSayItsVersionIsRefused() throws IOException {
    program("redis-server", "what?");
    IllegalStateException refusal =
        assertThrows(
            IllegalStateException.class,
            () -> Backend.Embedded.chosen("path", folder.toString(), "named"));
    assertThat(refusal.getMessage(), containsString("does not say which version it is: what?"));
  }

  @Test
  void anotherWordIsRefused() {
    IllegalArgumentException refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> Backend.Embedded.chosen("newest", folder.toString(), "named"));
    assertThat(refusal.getMessage(), is("redis.server must be embedded or path, but is newest"));
  }

  private Path program(String name, String says) throws IOException {
    Path program = folder.resolve(name);
    Files.writeString(program, "#!/bin/sh\necho '" + says + "'\n");
    assertThat(program.toFile().setExecutable(true), is(true));
    return program;
  }

  private static String refusal(String backend, String... missing) {
    System.setProperty("redis.backend", backend);
    InvocationTargetException failure =
        assertThrows(InvocationTargetException.class, () -> choose(missing));
    assertThat(failure.getCause() instanceof IllegalStateException, is(true));
    return failure.getCause().getMessage();
  }

  private static Object choose(String... missing) throws Exception {
    ClassLoader without = new Without(missing);
    Method chosen =
        Class.forName(Backend.class.getName(), true, without).getDeclaredMethod("chosen");
    chosen.setAccessible(true);
    return chosen.invoke(null);
  }

  /** Loads the bed anew, on a class path without some packages. */
  private static final class Without extends ClassLoader {

    private final String[] missing;

    Without(String... missing) {
      super(BackendTest.class.getClassLoader());
      this.missing = missing;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      for (String prefix : missing) {
        if (name.startsWith(prefix)) {
          throw new ClassNotFoundException(name);
        }
      }
      if (!name.startsWith(BackendTest.class.getPackageName() + ".")) {
        return super.loadClass(name, resolve);
      }
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        return loaded != null ? loaded : define(name);
      }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
      try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
        if (in == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] bytes = in.readAllBytes();
        return defineClass(name, bytes, 0, bytes.length);
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }
  }
}
