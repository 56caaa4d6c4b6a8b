package io.github.redistoolkit.idempotency;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Claims that were asked for and never heard of, or given up in vain, and are taken back as soon as
 * Redis can be asked again. Else an outage would leave keys claimed by nobody for a lease, and the
 * next caller would take it for a crash.
 *
 * <p>A daemon thread works as long as there are any; a caller that comes for such a key is quicker.
 */
final class Withdrawals {

  private static final EventLog LOG = EventLog.shared(IdempotencyService.class);
  private static final Set<String> CREDENTIALS_REFUSED = Set.of("WRONGPASS", "NOAUTH");
  private static final int MOST = 10_000;
  private static final Duration PATIENCE = Duration.ofHours(1);
  private static final long LEAST_PAUSE_MILLIS = 50;
  private static final long MOST_PAUSE_MILLIS = 1000;

  private final Records records;
  private final Ticker ticker;
  private final Map<String, List<Withdrawal>> byKey = new ConcurrentHashMap<>();
  private final AtomicBoolean running = new AtomicBoolean();

  /** What is taken back: an owner that does not know of its claim. */
  private record Withdrawal(String owner, long ttlMillis, long since) {

    boolean isTooOldAt(long now) {
      return now - since > PATIENCE.toNanos();
    }
  }

  Withdrawals(Records records, Ticker ticker) {
    this.records = records;
    this.ticker = ticker;
  }

  /** Takes back whatever an owner may have there, later. */
  void add(String redisKey, String owner, long ttlMillis) {
    if (byKey.size() >= MOST) {
      LOG.warn("More than {} claims to take back; one is left to its lease", MOST);
      return;
    }
    Withdrawal added = new Withdrawal(owner, ttlMillis, ticker.nanoTime());
    byKey.compute(
        redisKey,
        (key, others) -> {
          List<Withdrawal> all = others == null ? new CopyOnWriteArrayList<>() : others;
          all.add(added);
          return all;
        });
    start();
  }

  /**
   * Takes back now what is left of a key.
   *
   * @throws JedisException if Redis fails
   */
  void settle(String redisKey) {
    List<Withdrawal> left = byKey.isEmpty() ? null : byKey.get(redisKey);
    if (left == null) {
      return;
    }
    for (Withdrawal each : left) {
      try {
        records.withdraw(redisKey, each.owner(), each.ttlMillis());
      } catch (StoredResultException e) {
        LOG.debug(e, "A claim need not be taken back: its record is damaged");
      }
      remove(redisKey, each);
    }
  }

  private void remove(String redisKey, Withdrawal settled) {
    byKey.computeIfPresent(
        redisKey,
        (key, all) -> {
          all.remove(settled);
          return all.isEmpty() ? null : all;
        });
  }

  private void start() {
    if (running.compareAndSet(false, true)) {
      Thread thread = new Thread(this::settleAll, "redis-idempotency-withdrawals");
      thread.setDaemon(true);
      thread.start();
    }
  }

  private void settleAll() {
    try {
      long pauseMillis = LEAST_PAUSE_MILLIS;
      while (!byKey.isEmpty()) {
        MILLISECONDS.sleep(pauseMillis);
        if (records.isClosed()) {
          byKey.clear();
        }
        pauseMillis = Math.min(pauseMillis * 2, MOST_PAUSE_MILLIS);
        settleEach();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      running.set(false);
    }
    // One may have been added between the last look and the end.
    if (!byKey.isEmpty() && !Thread.currentThread().isInterrupted()) {
      start();
    }
  }

  private void settleEach() {
    // In another order each time, so that a node that is away keeps nobody else waiting for long.
    List<String> redisKeys = new ArrayList<>(byKey.keySet());
    Collections.shuffle(redisKeys);
    for (String redisKey : redisKeys) {
      try {
        settle(redisKey);
      } catch (JedisAccessControlException e) {
        if (mayPass(e)) {
          LOG.warn(e, "Claims cannot be taken back yet; trying again");
          giveUpOnOld(redisKey);
          return;
        }
        LOG.warn(e, "This user may not take a claim back; it is left to its lease");
        byKey.remove(redisKey);
      } catch (RuntimeException e) {
        LOG.warn(e, "Claims cannot be taken back yet; trying again");
        giveUpOnOld(redisKey);
        return;
      }
    }
  }

  /** Whether only the credentials are refused, which may change, and not the command. */
  private static boolean mayPass(JedisAccessControlException refusal) {
    return CREDENTIALS_REFUSED.contains(Failures.code(refusal));
  }

  private void giveUpOnOld(String redisKey) {
    for (Withdrawal each : byKey.getOrDefault(redisKey, List.of())) {
      if (each.isTooOldAt(ticker.nanoTime())) {
        LOG.warn("A claim could not be taken back for {}; it is left to its lease", PATIENCE);
        remove(redisKey, each);
      }
    }
  }
}
