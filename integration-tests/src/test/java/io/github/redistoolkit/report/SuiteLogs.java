package io.github.redistoolkit.report;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Gives each suite a file for what it logs, beside its report, and shows the last lines of it on
 * the console when a test fails. Failsafe does nearly that, but begins a file anew with each client
 * that a suite runs through.
 *
 * <p>JUnit finds it in each JVM that runs tests. It does nothing if {@link #FOLDER} is not set.
 */
public final class SuiteLogs implements TestExecutionListener {

  /** The system property that names the folder. */
  static final String FOLDER = "run.reports";

  private static final int LAST_LINES = 40;

  /** One for the whole JVM, since a logging library may keep what it has seen first. */
  private static final SuiteStream SHARED = new SuiteStream(System.err);

  private final @Nullable String folder;
  private final SuiteStream log;
  private @Nullable Running running;

  /** For JUnit. */
  public SuiteLogs() {
    this(System.getProperty(FOLDER), SHARED);
  }

  SuiteLogs(@Nullable String folder, SuiteStream log) {
    this.folder = folder;
    this.log = log;
  }

  @Override
  public void testPlanExecutionStarted(TestPlan plan) {
    if (folder != null) {
      running = new Running(plan, Path.of(folder), log);
      System.setErr(new PrintStream(log, true, UTF_8));
    }
  }

  @Override
  public void executionStarted(TestIdentifier started) {
    if (running != null) {
      running.started(started);
    }
  }

  @Override
  public void executionFinished(TestIdentifier finished, TestExecutionResult result) {
    if (running != null && result.getStatus() == Status.FAILED) {
      running.failed(finished);
    }
  }

  /** What runs, and where its logs are. */
  private static final class Running {

    private final TestPlan plan;
    private final Path folder;
    private final SuiteStream log;
    private Path file = Path.of("");
    private long begin;

    Running(TestPlan plan, Path folder, SuiteStream log) {
      this.plan = plan;
      this.folder = folder;
      this.log = log;
    }

    void started(TestIdentifier started) {
      try {
        if (Tests.isSuite(plan, started)) {
          file = folder.resolve(Tests.suite(plan, started) + "-output.txt");
          Files.createDirectories(folder);
          log.to(Files.newOutputStream(file));
          begin = 0;
        } else if (started.isTest()) {
          begin = Files.size(file);
          System.err.println("---- " + Tests.name(plan, started));
        }
      } catch (IOException e) {
        throw new UncheckedIOException("cannot write to " + file, e);
      }
    }

    /** What a container, as the suite through one client, logs comes last in its file. */
    void failed(TestIdentifier failed) {
      byte[] all;
      try {
        all = Files.readAllBytes(file);
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read " + file, e);
      }
      int from = failed.isTest() ? Math.toIntExact(begin) : 0;
      List<String> logged =
          new String(Arrays.copyOfRange(all, from, all.length), UTF_8).lines().toList();
      log.console.printf(
          "%s %s failed. The end of what it logged, which is in %s:%n",
          Tests.suite(plan, failed), Tests.name(plan, failed), file);
      logged
          .subList(Math.max(0, logged.size() - LAST_LINES), logged.size())
          .forEach(line -> log.console.println("  " + line));
    }
  }

  /** Bytes that go to the file of the suite now running, and to the console before the first. */
  static final class SuiteStream extends OutputStream {

    private final PrintStream console;
    private OutputStream out;

    /** What standard error was before. */
    SuiteStream(PrintStream console) {
      this.console = console;
      this.out = console;
    }

    synchronized void to(OutputStream file) throws IOException {
      if (out != console) {
        out.close();
      }
      out = file;
    }

    @Override
    public synchronized void write(int b) throws IOException {
      out.write(b);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(bytes, offset, length);
    }

    @Override
    public synchronized void flush() throws IOException {
      out.flush();
    }
  }
}
