package io.github.redistoolkit.report;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.Fault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Writes down what the tests of one JVM did, in a file that {@link RunSummary} adds to those of the
 * others.
 *
 * <p>JUnit finds it in each JVM that runs tests. It does nothing if {@link #FOLDER} is not set.
 */
public final class RunRecord implements TestExecutionListener {

  /** The system property that names the folder, which belongs to one run. */
  static final String FOLDER = "run.record";

  /** What is counted. A line of a record is one of these, what of it, and how often. */
  enum Counted {
    /** Suites. */
    SUITE,
    /** Tests by the kind of client that they ran through, or {@link #NO_CLIENT}. */
    TEST,
    /** Tests, and suites, that failed. */
    FAILURE,
    /** Tests by the guarantee that they {@linkplain Proves prove}. */
    PROOF,
    /** Those of them that failed. */
    VIOLATION,
    /** By {@link Fault}. */
    FAULT,
    /** JVMs whose tests have not ended. */
    UNFINISHED
  }

  static final String NO_CLIENT = "none";

  private static final Set<String> KINDS =
      Arrays.stream(ClientKind.values()).map(ClientKind::name).collect(Collectors.toSet());

  /** Of the whole JVM, which runs its suites one after another. */
  private static final Map<String, Long> COUNTS = new TreeMap<>();

  private final @Nullable String folder = System.getProperty(FOLDER);
  private @Nullable TestPlan plan;

  @Override
  public void testPlanExecutionStarted(TestPlan started) {
    plan = started;
    write(List.of(line(Counted.UNFINISHED, "JVM", 1)));
  }

  @Override
  public void executionFinished(TestIdentifier finished, TestExecutionResult result) {
    if (plan == null) {
      return;
    }
    if (Tests.isSuite(plan, finished)) {
      count(Counted.SUITE, Tests.suite(plan, finished));
    }
    if (finished.isTest()) {
      count(Counted.TEST, client(plan, finished));
    }
    boolean failed = result.getStatus() == Status.FAILED;
    for (String guarantee : Tests.guarantees(finished)) {
      count(failed ? Counted.VIOLATION : Counted.PROOF, guarantee);
    }
    if (failed) {
      count(Counted.FAILURE, Tests.suite(plan, finished) + " " + Tests.name(plan, finished));
    }
  }

  @Override
  public void testPlanExecutionFinished(TestPlan finished) {
    write(
        Arrays.stream(Fault.values())
            .map(fault -> line(Counted.FAULT, fault.name(), fault.times()))
            .toList());
  }

  private static void count(Counted what, String name) {
    COUNTS.merge(what + "\t" + name, 1L, Long::sum);
  }

  private static String line(Counted what, String name, long times) {
    return what + "\t" + name + "\t" + times;
  }

  private static String client(TestPlan plan, TestIdentifier test) {
    return Tests.path(plan, test).stream()
        .map(TestIdentifier::getDisplayName)
        .filter(KINDS::contains)
        .findFirst()
        .orElse(NO_CLIENT);
  }

  private void write(List<String> further) {
    if (folder == null) {
      return;
    }
    List<String> lines = new ArrayList<>(further);
    COUNTS.forEach((name, times) -> lines.add(name + "\t" + times));
    Path file = Path.of(folder, ProcessHandle.current().pid() + ".txt");
    try {
      Files.createDirectories(file.getParent());
      Files.write(file, lines);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file, e);
    }
  }
}
