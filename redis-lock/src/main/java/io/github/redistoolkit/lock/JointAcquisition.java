package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.Failures;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * One caller's way to several locks, in the order that all callers keep to, so that none waits for
 * one that waits for it (Havender, "Avoiding deadlock in multitasking systems", 1968). Used by one
 * thread.
 */
final class JointAcquisition {

  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long LONGEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final SortedMap<String, Entrance> entrances;
  private final Duration lease;
  private final Duration third;
  private final long start = System.nanoTime();
  private final long maxWaitNanos;

  JointAcquisition(SortedMap<String, Entrance> entrances, Duration lease, long maxWaitNanos) {
    this.entrances = entrances;
    this.lease = lease;
    this.third = lease.dividedBy(3);
    this.maxWaitNanos = maxWaitNanos;
  }

  /** What became of one pass through all names. */
  private enum Pass {
    ALL,
    REFUSED,
    /** One that was had is lost, or could not be extended. */
    LOST
  }

  /** Asks for each once, also if the thread is interrupted. */
  Optional<Leases> once() {
    Map<String, Lease> had = new LinkedHashMap<>();
    boolean all;
    try {
      all = askForEach(had);
    } catch (RuntimeException | Error e) {
      release(had, e);
      throw e;
    }
    if (all) {
      return Optional.of(new Leases(had));
    }
    release(had, null);
    return Optional.empty();
  }

  private boolean askForEach(Map<String, Lease> had) {
    for (Map.Entry<String, Entrance> next : entrances.entrySet()) {
      long asked = System.nanoTime();
      try {
        Optional<Lease> lease = next.getValue().attempt();
        lease.ifPresent(one -> had.put(next.getKey(), one));
        next.getValue().told(lease, asked);
        if (lease.isEmpty() || !extend(had)) {
          return false;
        }
      } catch (RuntimeException | Error e) {
        tellFailed(next, e, asked, had);
        throw e;
      }
    }
    return true;
  }

  /** Begins again as long as there is time and one that was had is lost. */
  Optional<Leases> patiently() throws InterruptedException {
    while (true) {
      Map<String, Lease> had = new LinkedHashMap<>();
      Pass pass;
      try {
        pass = acquire(had);
      } catch (RuntimeException | InterruptedException | Error e) {
        release(had, e);
        throw e;
      }
      if (pass == Pass.ALL) {
        return Optional.of(new Leases(had));
      }
      try {
        release(had, null);
      } catch (JedisException e) {
        // Else what stays is waited for like anyone's, until its lease is over.
        throwUnlessPassing(e);
      }
      if (pass == Pass.REFUSED || nanosLeft() <= 0) {
        return Optional.empty();
      }
      pause();
    }
  }

  private Pass acquire(Map<String, Lease> had) throws InterruptedException {
    for (Map.Entry<String, Entrance> next : entrances.entrySet()) {
      long asked = System.nanoTime();
      Pass pass;
      try {
        pass = acquire(next.getKey(), next.getValue(), asked, had);
      } catch (RuntimeException | Error e) {
        tellFailed(next, e, asked, had);
        throw e;
      }
      if (pass != Pass.ALL) {
        return pass;
      }
    }
    return Pass.ALL;
  }

  /** What was had, and told, is not what failed. */
  private static void tellFailed(
      Map.Entry<String, Entrance> asked, Throwable failure, long start, Map<String, Lease> had) {
    if (!had.containsKey(asked.getKey())) {
      asked.getValue().failed(failure, start);
    }
  }

  /** Acquires one more, and keeps those that are had meanwhile. */
  private Pass acquire(String name, Entrance entrance, long asked, Map<String, Lease> had)
      throws InterruptedException {
    do {
      // Each wait is short enough for those that are had to be extended after it.
      long wait = had.isEmpty() ? nanosLeft() : Math.min(nanosLeft(), third.toNanos());
      Optional<Lease> lease = attempt(entrance, wait);
      if (lease.isPresent()) {
        // At once: what follows may fail, and then releases what is had.
        had.put(name, lease.get());
        entrance.told(lease, asked);
      }
      if (!extend(had)) {
        return Pass.LOST;
      }
      if (lease.isPresent()) {
        return Pass.ALL;
      }
    } while (nanosLeft() > 0);
    entrance.told(Optional.empty(), asked);
    return Pass.REFUSED;
  }

  private Optional<Lease> attempt(Entrance entrance, long wait) throws InterruptedException {
    try {
      return entrance.attempt(wait);
    } catch (JedisException e) {
      throwUnlessPassing(e);
      return Optional.empty();
    }
  }

  /** Extends those of which a third is over; false if one is lost or Redis is away. */
  private boolean extend(Map<String, Lease> had) {
    Duration enough = lease.minus(third);
    for (Lease one : had.values()) {
      try {
        if (one.remaining().compareTo(enough) < 0 && !one.extend(lease)) {
          return false;
        }
      } catch (JedisException e) {
        throwUnlessPassing(e);
        return false;
      }
    }
    return true;
  }

  /** What was lost once may be lost each time, as if the lease is too short for the names. */
  private void pause() throws InterruptedException {
    long nanos =
        ThreadLocalRandom.current().nextLong(SHORTEST_PAUSE_NANOS, LONGEST_PAUSE_NANOS + 1);
    TimeUnit.NANOSECONDS.sleep(Math.min(nanos, nanosLeft()));
  }

  /** A part of the wait that fails is no end of it, as long as there is time. */
  private void throwUnlessPassing(JedisException failure) {
    if (!Failures.isPassing(failure) || nanosLeft() <= 0) {
      throw failure;
    }
  }

  private static void release(Map<String, Lease> had, @Nullable Throwable why) {
    try {
      boolean unused = releaseAll(had);
    } catch (RuntimeException e) {
      if (why == null) {
        throw e;
      }
      why.addSuppressed(e);
    }
  }

  /** Releases all, the last first, whichever fail; false if one had been lost. */
  static boolean releaseAll(Map<String, Lease> leases) {
    List<Lease> backwards = new ArrayList<>(leases.values());
    Collections.reverse(backwards);
    boolean all = true;
    RuntimeException failure = null;
    for (Lease lease : backwards) {
      try {
        all &= lease.release();
      } catch (RuntimeException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
    return all;
  }

  private long nanosLeft() {
    return Math.max(0, maxWaitNanos - (System.nanoTime() - start));
  }
}
