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
    try (TestRedis redis = TestRedis.of(ClientKind.POOL)) {
      String names = redis.unique("");
      try (LendingRun run = new LendingRun(database -> open(redis, database, names), names)) {
        report = run.run();
      } finally {
        redis.removeKeys();
      }
    }
    System.out.println();
    System.out.println(report);
    System.out.println();
    System.out.println(report.addsUp() ? "Every figure adds up." : "The figures do NOT add up.");
    System.exit(report.addsUp() ? 0 : 1);
  }

  private static Branch open(TestRedis redis, LendingDatabase database, String names) {
    return redis.over(
        pool -> Branch.open(pool, database, names), client -> Branch.open(client, database, names));
  }
}
