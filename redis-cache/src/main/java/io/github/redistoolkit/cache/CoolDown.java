package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * Keeps loads away from a Redis that does not answer.
 *
 * <p>After a call that got no answer Redis is not asked for a while: 100 ms at first, twice as long
 * after each failure that follows, 5 seconds at most. Then one caller asks, and all others follow
 * if it was answered. In a Cluster that goes for each node alone. An error that Redis answers is an
 * answer.
 *
 * <p>As many callers ask at a time as the pools have connections. The others wait here and not for
 * a connection, so that they need not all find out for themselves, one timeout after the other.
 *
 * <p>Thread-safe.
 */
final class CoolDown {

  static final Duration SHORTEST = Duration.ofMillis(100);
  static final Duration LONGEST = Duration.ofSeconds(5);

  private static final long LOOK_MILLIS = 5;

  private final UnaryOperator<String> nodes;
  private final Counters counters;
  private final Ticker ticker;
  private final @Nullable Semaphore seats;
  private final ConcurrentMap<String, Pause> pauses = new ConcurrentHashMap<>();

  CoolDown(RedisAccess redis, Names names, Counters counters, Ticker ticker) {
    this(
        key -> redis.spreadsKeys() ? redis.nodeFor(names.of(key)) : "",
        seats(redis),
        counters,
        ticker);
  }

  /**
   * Makes one.
   *
   * @param nodes by key, the node that has it now
   * @param seats for those who ask at a time; null if they are bounded by nothing
   */
  CoolDown(
      UnaryOperator<String> nodes, @Nullable Semaphore seats, Counters counters, Ticker ticker) {
    this.nodes = nodes;
    this.seats = seats;
    this.counters = counters;
    this.ticker = ticker;
  }

  private static @Nullable Semaphore seats(RedisAccess redis) {
    int total = 0;
    for (Pool<?> pool : redis.pools()) {
      if (pool.getMaxTotal() <= 0) {
        return null; // bounded by nothing
      }
      total += pool.getMaxTotal();
    }
    return total <= 0 ? null : new Semaphore(total);
  }

  /** For how long a node is not asked; guarded by itself. */
  private static final class Pause {
    long since;
    long length;
    boolean probing;

    Pause(long since) {
      this.since = since;
      this.length = SHORTEST.toNanos();
    }
  }

  /**
   * Asks Redis for a caller's key, once there is room.
   *
   * @return the answer; null if Redis is not to be asked now
   * @throws JedisException if it failed
   * @throws CacheTimeoutException if there was no room for too long
   */
  <T> @Nullable T ask(String key, Patience patience, Supplier<T> question) {
    return askAll(List.of(key), patience, unused -> question.get());
  }

  private boolean sit(Semaphore free, String key, Patience patience) {
    if (free.tryAcquire()) {
      return true;
    }
    try {
      while (!isPaused(key)) {
        long longest = TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS);
        long wait = Math.min(longest, patience.requireNanosLeft(key));
        if (free.tryAcquire(wait, TimeUnit.NANOSECONDS)) {
          return true;
        }
      }
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CompletionException("interrupted while the key waits for a connection", e);
    }
  }

  /** The same without waiting for room. */
  <T> @Nullable T askNow(String key, Supplier<T> question) {
    return askAllNow(List.of(key), unused -> question.get());
  }

  /**
   * Asks Redis for many keys, once there is room.
   *
   * @param keys at least one
   * @param question asks for those keys whose nodes are to be asked now; if it fails for some of
   *     them alone, that is a {@link CacheBatchException}
   * @return the answer; null if no node is to be asked now
   * @throws JedisException if Redis failed
   * @throws CacheTimeoutException if there was no room for too long
   */
  <T> @Nullable T askAll(List<String> keys, Patience patience, Function<List<String>, T> question) {
    if (seats == null) {
      return askAllNow(keys, question);
    }
    if (!sit(seats, keys.get(0), patience)) {
      return null;
    }
    try {
      return askAllNow(keys, question);
    } finally {
      seats.release();
    }
  }

  /** The same without waiting for room. */
  <T> @Nullable T askAllNow(List<String> keys, Function<List<String>, T> question) {
    Set<String> probed = new HashSet<>();
    List<String> open = pauses.isEmpty() ? keys : open(keys, probed);
    if (open.isEmpty()) {
      return null;
    }
    long asked = ticker.nanoTime();
    try {
      T answer = question.apply(open);
      answered(open, asked);
      return answer;
    } catch (JedisException e) {
      if (isAnswer(e)) {
        answered(open, asked);
      } else if (!Failures.isInterrupt(e)) {
        failed(open, asked, e);
      }
      throw e;
    } finally {
      // Whatever was learned, and whichever node has the keys by now.
      probed.forEach(this::leave);
    }
  }

  /** The keys whose nodes may be asked; adds those that are to be left again. */
  private List<String> open(List<String> keys, Set<String> probed) {
    Map<String, Boolean> known = new HashMap<>();
    return keys.stream()
        .filter(key -> known.computeIfAbsent(node(key), node -> mayAsk(node, probed)))
        .toList();
  }

  private static boolean isAnswer(JedisException e) {
    Throwable failure = e instanceof CacheBatchException ? e.getCause() : e;
    return failure instanceof JedisDataException;
  }

  private String node(String key) {
    return nodes.apply(key);
  }

  /** Whether this caller is to go without Redis. */
  boolean isPaused(String key) {
    Pause pause = pauses.isEmpty() ? null : pauses.get(node(key));
    if (pause == null) {
      return false;
    }
    synchronized (pause) {
      return pause.probing || ticker.nanoTime() - pause.since < pause.length;
    }
  }

  private boolean mayAsk(String node, Set<String> probed) {
    Pause pause = pauses.get(node);
    if (pause == null) {
      return true;
    }
    synchronized (pause) {
      if (pause.probing || ticker.nanoTime() - pause.since < pause.length) {
        return false;
      }
      pause.probing = true;
      probed.add(node);
      return true;
    }
  }

  private Set<String> nodesOf(Collection<String> keys) {
    return keys.stream().map(this::node).collect(Collectors.toSet());
  }

  private void answered(List<String> keys, long asked) {
    if (!pauses.isEmpty()) {
      nodesOf(keys).forEach(node -> answered(node, asked));
    }
  }

  /** Calls that began before the pause say nothing about whether it may end. */
  private void answered(String node, long asked) {
    pauses.computeIfPresent(
        node,
        (same, pause) -> {
          synchronized (pause) {
            return asked - pause.since >= 0 ? null : pause;
          }
        });
  }

  private void failed(List<String> keys, long asked, JedisException failure) {
    Set<String> failed =
        nodesOf(failure instanceof CacheBatchException some ? some.failedKeys() : keys);
    failed.forEach(node -> failed(node, asked));
    if (failure instanceof CacheBatchException) {
      Set<String> others = nodesOf(keys);
      others.removeAll(failed);
      others.forEach(node -> answered(node, asked));
    }
  }

  private void failed(String node, long asked) {
    pauses.compute(
        node,
        (same, pause) -> {
          long now = ticker.nanoTime();
          if (pause == null) {
            return begun(new Pause(now));
          }
          synchronized (pause) {
            if (asked - pause.since >= 0) {
              pause.since = now;
              pause.length = Math.min(2 * pause.length, LONGEST.toNanos());
              pause.probing = false;
              return begun(pause);
            }
            return pause;
          }
        });
  }

  private Pause begun(Pause pause) {
    counters.coolDown(Duration.ofNanos(pause.length));
    return pause;
  }

  /** If nothing was learned another caller asks. */
  private void leave(String node) {
    Pause pause = pauses.get(node);
    if (pause != null) {
      synchronized (pause) {
        pause.probing = false;
      }
    }
  }
}
