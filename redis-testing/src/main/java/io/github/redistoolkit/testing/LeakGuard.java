package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.ExtensionContext;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.util.SafeEncoder;

/**
 * Finds what tests leave behind and should not: threads that work, connections that are borrowed,
 * connections that are open.
 *
 * <p>{@link EachClient} and {@link RedisTest} check each class at its end, with the threads that
 * the JUnit configuration parameter {@value #THREADS} names. The parameter has no default. Without
 * it, the check finds only threads that the bed itself has started, for a proxy, a disturbance or a
 * child JVM.
 *
 * <pre>{@code
 * LeakGuard.of(redis).threads("orders-.*").connections("orders-").check();
 * }</pre>
 *
 * <p>Immutable, so thread-safe. Each check asks every server for its connections, if it looks for
 * them, until there is nothing left or its patience ends.
 */
public final class LeakGuard {

  /** A regular expression of the names of threads that a class must not leave behind. */
  public static final String THREADS = "redis.leaks.threads";

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** Threads of the bed's own that a suite starts, and has to end. */
  private static final Pattern OURS =
      Pattern.compile("fault-proxy-.*|disturbance|child-[0-9]+-reader");

  private static final Pattern NONE = Pattern.compile("(?!)");

  private final TestRedis redis;
  private final Pattern threads;
  private final Optional<String> connections;
  private final Duration patience;

  private LeakGuard(
      TestRedis redis, Pattern threads, Optional<String> connections, Duration patience) {
    this.redis = redis;
    this.threads = threads;
    this.connections = connections;
    this.patience = patience;
  }

  /**
   * Looks for the bed's own threads, and for what is borrowed from a Redis of a test.
   *
   * @param redis whose pools are looked at, with all that was made from it
   * @return one with a patience of ten seconds
   */
  public static LeakGuard of(TestRedis redis) {
    return new LeakGuard(redis, NONE, Optional.empty(), PATIENCE);
  }

  /** One that looks for the threads that the configuration names. */
  static LeakGuard of(TestRedis redis, ExtensionContext context) {
    LeakGuard guard = of(redis);
    return context.getConfigurationParameter(THREADS).map(guard::threads).orElse(guard);
  }

  /**
   * Looks for threads with other names too. One that waits in a pool for work is left out, since it
   * may end whenever it likes; one that waits in a pool of timers is not, for it may have something
   * to do later.
   *
   * @param regex what the whole name of such a thread matches
   * @return another guard
   * @throws java.util.regex.PatternSyntaxException if this is no regular expression
   */
  public LeakGuard threads(String regex) {
    return new LeakGuard(redis, Pattern.compile(regex), connections, patience);
  }

  /**
   * Looks for open connections too, by the names that their clients gave them.
   *
   * @param prefix what their names begin with; not empty
   * @return another guard
   * @throws IllegalArgumentException if the prefix is empty
   */
  public LeakGuard connections(String prefix) {
    if (prefix.isEmpty()) {
      throw new IllegalArgumentException("prefix must not be empty, or the servers' own count");
    }
    return new LeakGuard(redis, threads, Optional.of(prefix), patience);
  }

  /**
   * Waits for everything to end by itself before it counts as left behind.
   *
   * @param time how long for each of threads, borrowed and open connections; zero to look once
   * @return another guard
   * @throws IllegalArgumentException if the time is negative
   */
  public LeakGuard patience(Duration time) {
    if (time.isNegative()) {
      throw new IllegalArgumentException("patience must not be negative, but is " + time);
    }
    return new LeakGuard(redis, threads, connections, time);
  }

  /**
   * Fails if something is left behind.
   *
   * @throws AssertionError that names it
   */
  public void check() {
    awaitNone("threads", this::workingThreads);
    awaitNone("borrowed connections", redis::leftBorrowed);
    connections.ifPresent(this::checkOpen);
  }

  /** Fails if a server still has connections of such names. */
  void checkOpen(String prefix) {
    awaitNone("connections", () -> open(prefix));
  }

  /**
   * Names the threads that work at this moment, or have something to do later.
   *
   * @return their names; empty if there are none
   */
  public List<String> workingThreads() {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(entry -> isLookedFor(entry.getKey().getName()))
        .filter(entry -> !isIdle(Arrays.asList(entry.getValue())))
        .map(entry -> entry.getKey().getName())
        .toList();
  }

  private boolean isLookedFor(String name) {
    return OURS.matcher(name).matches() || threads.matcher(name).matches();
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

  private List<String> open(String prefix) {
    List<String> found = new ArrayList<>();
    for (HostAndPort node : redis.nodes()) {
      try (Jedis jedis = redis.open(node)) {
        SafeEncoder.encode((byte[]) jedis.sendCommand(Protocol.Command.CLIENT, "LIST"))
            .lines()
            .filter(line -> line.contains(" name=" + prefix))
            .forEach(found::add);
      }
    }
    return found;
  }

  private void awaitNone(String what, Supplier<List<String>> find) {
    List<String> left = new ArrayList<>();
    try {
      Await.that("no " + what + " are left behind")
          .atMost(patience)
          .until(
              () -> {
                left.clear();
                left.addAll(find.get());
                return left.isEmpty();
              });
    } catch (IllegalStateException e) {
      throw new AssertionError(what + " are left behind: " + left, e);
    }
  }
}
