package io.github.redistoolkit.lending;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;

/**
 * Runs many concurrent callers through the lending service on a real Redis and prints what each
 * concern did. Ends with exit code 0 only if every figure adds up.
 */
public final class Demo {

  private Demo() {}

  /** Runs the demo; takes no arguments. */
  public static void main(String[] args) throws InterruptedException {
    Report report;
    try (TestRedis redis = TestRedis.of(ClientKind.POOL);
        LendingRun run =
            new LendingRun(
                database ->
                    redis.over(
                        pool -> Branch.open(pool, database),
                        client -> Branch.open(client, database)))) {
      report = run.run();
    }
    System.out.println();
    System.out.println(report);
    System.out.println();
    System.out.println(report.addsUp() ? "Every figure adds up." : "The figures do NOT add up.");
    System.exit(report.addsUp() ? 0 : 1);
  }
}
