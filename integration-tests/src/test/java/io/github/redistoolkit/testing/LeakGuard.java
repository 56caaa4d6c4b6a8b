package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.util.SafeEncoder;

/** What is left behind by a class of tests, and should not be. */
final class LeakGuard {

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private LeakGuard() {}

  /**
   * Fails if, some time after the tests of a class, a thread of the toolkit works, or connections
   * are borrowed.
   */
  static void checkWhileOpen(TestRedis redis) {
    awaitNone("threads", LeakGuard::workingThreads);
    awaitNone("borrowed connections", redis::leftBorrowed);
  }

  /** Fails if, after everything was closed, a server still has connections of these names. */
  static void checkAfterClose(Deployment deployment, String namePrefix) {
    awaitNone("connections", () -> connections(deployment, namePrefix));
  }

  /** The toolkit's threads, but for those that wait in a pool for work until they may end. */
  static List<String> workingThreads() {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(entry -> entry.getKey().getName().matches("redis-[a-z]+-.*"))
        .filter(entry -> Arrays.stream(entry.getValue()).noneMatch(LeakGuard::isIdlePool))
        .map(entry -> entry.getKey().getName())
        .toList();
  }

  private static boolean isIdlePool(StackTraceElement frame) {
    return frame.getClassName().equals("java.util.concurrent.ThreadPoolExecutor")
        && frame.getMethodName().equals("getTask");
  }

  private static List<String> connections(Deployment deployment, String namePrefix) {
    List<String> found = new ArrayList<>();
    for (HostAndPort node : deployment.nodes()) {
      try (Jedis jedis = deployment.open(node)) {
        SafeEncoder.encode((byte[]) jedis.sendCommand(Protocol.Command.CLIENT, "LIST"))
            .lines()
            .filter(line -> line.contains(" name=" + namePrefix))
            .forEach(found::add);
      }
    }
    return found;
  }

  private static void awaitNone(String what, Callable<List<String>> find) {
    try {
      Awaitility.await()
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(20))
          .atMost(PATIENCE)
          .until(find, List::isEmpty);
    } catch (ConditionTimeoutException e) {
      throw new AssertionError(what + " are left behind: " + last(find), e);
    }
  }

  private static List<String> last(Callable<List<String>> find) {
    try {
      return find.call();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
