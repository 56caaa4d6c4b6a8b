package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.util.SafeEncoder;

/** What is left behind by a class of tests, and should not be. */
final class LeakGuard {

  /** The toolkit's, and those of the bed's own that a suite starts and has to end. */
  private static final Pattern NAMES =
      Pattern.compile("redis-[a-z]+-.*|fault-proxy-.*|disturbance|child-.*-reader");

  private LeakGuard() {}

  /**
   * Fails if, some time after the tests of a class, a thread works, or connections are borrowed.
   */
  static void checkWhileOpen(TestRedis redis, Duration patience) {
    awaitNone("threads", patience, LeakGuard::workingThreads);
    awaitNone("borrowed connections", patience, redis::leftBorrowed);
  }

  /** Fails if, after everything was closed, a server still has connections of these names. */
  static void checkAfterClose(Deployment deployment, String namePrefix, Duration patience) {
    awaitNone("connections", patience, () -> connections(deployment, namePrefix));
  }

  /**
   * The threads of the toolkit, and of the bed's proxies, disturbances and child JVMs, but for
   * those that wait in a pool for work until they may end. One that waits in a pool of timers may
   * have work to do later, such as to renew a lease that was left behind, so it has to end.
   */
  static List<String> workingThreads() {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(entry -> NAMES.matcher(entry.getKey().getName()).matches())
        .filter(entry -> !isIdle(Arrays.asList(entry.getValue())))
        .map(entry -> entry.getKey().getName())
        .toList();
  }

  private static boolean isIdle(List<StackTraceElement> stack) {
    return stack.stream().anyMatch(LeakGuard::takesFromPool)
        && stack.stream().noneMatch(LeakGuard::waitsForTimer);
  }

  private static boolean takesFromPool(StackTraceElement frame) {
    return frame.getClassName().equals("java.util.concurrent.ThreadPoolExecutor")
        && frame.getMethodName().equals("getTask");
  }

  private static boolean waitsForTimer(StackTraceElement frame) {
    return frame
        .getClassName()
        .equals("java.util.concurrent.ScheduledThreadPoolExecutor$DelayedWorkQueue");
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

  private static void awaitNone(String what, Duration patience, Callable<List<String>> find) {
    try {
      Awaitility.await()
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(20))
          .atMost(patience)
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
