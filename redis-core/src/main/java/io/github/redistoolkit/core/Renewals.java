package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Keeps leases of any module alive, without the caller's threads and without a connection of the
 * caller's pool.
 *
 * <p>All leases over one pool or client share it. Those that are due at the same moment go to Redis
 * in one pipeline, over a connection of our own, in a Cluster one for each node. Where an answer
 * does not come, the next try goes over a second connection, while the first one still waits.
 *
 * <p>Each connection has a daemon thread: two for each node at most, and one for the time. They are
 * started when the first renewal is due, and end within about a second once nothing is kept or the
 * pool or client is closed. Thread-safe.
 */
public final class Renewals {

  private static final Map<Object, Shared> SHARED =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final RedisAccess redis;
  private final Shared shared;

  private Renewals(RedisAccess redis, Shared shared) {
    this.redis = redis;
    this.shared = shared;
  }

  /**
   * Returns the renewals over a pool or client.
   *
   * @param redis the way to Redis
   * @return the same mechanism for all ways through the same pool or client
   */
  public static Renewals of(RedisAccess redis) {
    Shared shared = SHARED.computeIfAbsent(redis.owner(), unseen -> new Shared(Alarms.shared()));
    return new Renewals(redis, shared);
  }

  /**
   * Returns the renewals over a pool or client that go by given alarms.
   *
   * @param redis the way to Redis
   * @param alarms the {@linkplain Alarms#shared shared} ones, or those of a test, with which
   *     nothing is shared
   * @return the renewals
   */
  public static Renewals of(RedisAccess redis, Alarms alarms) {
    return alarms == Alarms.shared() ? of(redis) : new Renewals(redis, new Shared(alarms));
  }

  /**
   * Keeps a lease alive until it is ended, gone or over.
   *
   * @param key in a Cluster, what decides which node to ask: the first key of the request
   * @param leaseMillis how long a renewal lasts from when it is asked for
   * @param end until when the lease is certain now, on the clock of the alarms
   * @param lease what to send, and whom to tell
   * @return the renewal, to be ended by the owner
   * @throws OutOfMemoryError if no thread can be started that watches the time
   */
  public Renewal keep(String key, long leaseMillis, long end, Renewable lease) {
    return begin(renewal(key, leaseMillis, end, lease), Renewal::begin);
  }

  /**
   * Says something in the background, at once, and again as a renewal is tried again, until that is
   * answered or the time is over: such as a release that nobody waits for.
   *
   * @param key in a Cluster, what decides which node to ask: the first key of the request
   * @param millis for how long it may take
   * @param request what to send; takes the answer, and returns {@code GONE} for it
   * @return what may be ended
   * @throws OutOfMemoryError if no thread can be started that watches the time
   */
  @CanIgnoreReturnValue
  public Renewal send(String key, long millis, Renewable request) {
    long now = shared.ticker().nanoTime();
    long end = now + TimeUnit.MILLISECONDS.toNanos(millis);
    return begin(renewal(key, millis, end, request), renewal -> renewal.begin(now));
  }

  private Renewal renewal(String key, long millis, long end, Renewable lease) {
    return new Renewal(
        key,
        millis,
        end,
        lease,
        shared.alarms,
        shared.ticker(),
        one -> shared.send(redis, one),
        shared.kept::remove);
  }

  private Renewal begin(Renewal renewal, Consumer<Renewal> begin) {
    shared.kept.add(renewal);
    boolean begun = false;
    try {
      begin.accept(renewal);
      begun = true;
    } finally {
      if (!begun) {
        shared.kept.remove(renewal);
      }
    }
    return renewal;
  }

  /**
   * Returns for how long a lease is certain from when it was asked for: less by 1 % and by 2 ms, or
   * by a quarter of a lease of less than 8 ms, since clocks run and tick apart. So whoever keeps to
   * it knows of its end before anyone else can have it.
   *
   * @param leaseMillis the lease as Redis keeps it
   * @return nanoseconds, more than 0
   */
  public static long certainNanos(long leaseMillis) {
    long nanos = TimeUnit.MILLISECONDS.toNanos(leaseMillis);
    return nanos - nanos / 100 - Math.min(TimeUnit.MILLISECONDS.toNanos(2), nanos / 4);
  }

  /** What all over one pool or client have in common; does not keep it reachable while idle. */
  static final class Shared {

    private final Alarms alarms;
    private final Set<Renewal> kept = ConcurrentHashMap.newKeySet();
    private final Map<String, RenewalLane.Pair> lanes = new ConcurrentHashMap<>();

    Shared(Alarms alarms) {
      this.alarms = alarms;
    }

    Ticker ticker() {
      return alarms.ticker();
    }

    /** Has a try sent to where its key is. */
    void send(RedisAccess redis, Renewal.Try one) {
      send(new RenewalLane.Parcel(redis, one));
    }

    void send(RenewalLane.Parcel parcel) {
      lanes.computeIfAbsent(parcel.node(), node -> new RenewalLane.Pair(node, this)).offer(parcel);
    }

    /** Whether nothing is kept alive at the moment. */
    boolean isIdle() {
      return kept.isEmpty();
    }
  }
}
