package io.github.redistoolkit.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.stringContainsInOrder;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The console is quiet about what passes, and tells all that there is about what fails. */
class SuiteLogsTest {

  @TempDir private Path folder;
  private final ByteArrayOutputStream shown = new ByteArrayOutputStream();

  private String console(Class<?>... suites) {
    PrintStream real = System.err;
    SuiteLogs logs =
        new SuiteLogs(
            folder.toString(), new SuiteLogs.SuiteStream(new PrintStream(shown, true, UTF_8)));
    try {
      for (Class<?> suite : suites) {
        LauncherFactory.create()
            .execute(
                LauncherDiscoveryRequestBuilder.request()
                    .selectors(DiscoverySelectors.selectClass(suite))
                    .build(),
                logs);
      }
    } finally {
      System.setErr(real);
    }
    return shown.toString(UTF_8);
  }

  private String log(Class<?> suite) throws Exception {
    return Files.readString(folder.resolve(suite.getName() + "-output.txt"));
  }

  @Test
  void nothingIsShownOfWhatPasses() throws Exception {
    assertThat(console(Passing.class, Passing.class), is(""));
    assertThat(log(Passing.class).lines().filter("passing"::equals).count(), is(2L));
  }

  @Test
  void theLogOfATestThatFailsIsShownAndNoOther() throws Exception {
    String console = console(Failing.class);
    assertThat(
        console,
        stringContainsInOrder("Failing", "fails() failed", "Failing-output.txt", "why it fails"));
    assertThat(console, not(containsString("all is well")));
    assertThat(log(Failing.class), stringContainsInOrder("all is well", "why it fails"));
  }

  @Test
  void whatWasLoggedBeforeASuiteFailsAsAWholeIsShown() {
    assertThat(
        console(Unstartable.class), stringContainsInOrder("Unstartable", "failed", "no server"));
  }

  @ParameterizedClass(name = "{0}")
  @ValueSource(strings = {"a", "b"})
  static final class Passing {

    Passing(String unused) {
      assertThat(unused.isEmpty(), is(false));
    }

    @Test
    void passes() {
      System.err.println("passing");
    }
  }

  @ParameterizedClass(name = "{0}")
  @ValueSource(strings = "a")
  @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
  static final class Failing {

    Failing(String unused) {
      assertThat(unused.isEmpty(), is(false));
    }

    @Test
    @Order(1)
    void passes() {
      System.err.println("all is well");
    }

    @Test
    @Order(2)
    void fails() {
      System.err.println("why it fails");
      fail("on purpose");
    }
  }

  static final class Unstartable {

    @BeforeAll
    static void fails() {
      System.err.println("no server");
      fail("on purpose");
    }

    @Test
    void isNotReached() {
      fail("on purpose");
    }
  }
}
