package io.github.redistoolkit.lending;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Runs many concurrent HTTP clients through the lending service on a real Redis and prints what
 * each concern did. Ends with exit code 0 only if every figure adds up.
 *
 * <p>With the system property {@code serve} it then goes on with a few requests a second, until
 * Enter is pressed, or it or Maven is told to terminate, and shows the figures in a page meanwhile.
 */
public final class Demo {

  private Demo() {}

  /** Runs the demo; takes no arguments. */
  public static void main(String[] args) throws InterruptedException {
    boolean serve = Boolean.getBoolean("serve");
    Report report;
    try (TestRedis redis = TestRedis.of(ClientKind.POOL)) {
      String names = redis.unique("");
      try (LendingRun run = new LendingRun(office -> open(redis, office), names)) {
        if (serve) {
          System.out.println("The figures, live, on this machine only: " + run.page());
        }
        report = run.run();
        System.out.println();
        System.out.println(report);
        System.out.println();
        System.out.println(
            report.addsUp() ? "Every figure adds up." : "The figures do NOT add up.");
        if (serve) {
          serve(run);
        }
      } finally {
        redis.removeKeys();
      }
    } finally {
      End.REACHED.countDown();
    }
    System.exit(report.addsUp() ? 0 : 1);
  }

  private static Branch open(TestRedis redis, HeadOffice office) {
    return redis.over(pool -> Branch.open(pool, office), client -> Branch.open(client, office));
  }

  private static void serve(LendingRun run) throws InterruptedException {
    End.awaitAsking();
    run.goOn();
    System.out.println("A few requests a second go on. See " + run.page());
    System.out.println("Enter ends it.");
    End.ASKED.await();
  }

  /** Of serving. */
  private static final class End {

    static final CountDownLatch ASKED = new CountDownLatch(1);
    static final CountDownLatch REACHED = new CountDownLatch(1);

    /**
     * Has it asked for by Enter, by the end of Maven, which tells its child nothing, or by a
     * signal, which then waits until all is closed.
     */
    static void awaitAsking() {
      Thread reader = new Thread(End::readLine, "demo-enter");
      reader.setDaemon(true);
      reader.start();
      ProcessHandle.current()
          .parent()
          .ifPresent(
              maven -> {
                var unused = maven.onExit().thenRun(ASKED::countDown);
              });
      Runtime.getRuntime().addShutdownHook(new Thread(End::await, "demo-end"));
    }

    /** Where there is no terminal, a signal alone ends it. */
    private static void readLine() {
      try {
        for (int read = System.in.read(); read >= 0; read = System.in.read()) {
          if (read == '\n') {
            ASKED.countDown();
            return;
          }
        }
      } catch (IOException e) {
        System.err.println("Enter is not heard, but a signal is: " + e);
      }
    }

    private static void await() {
      ASKED.countDown();
      try {
        boolean unused = REACHED.await(30, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
