package io.github.redistoolkit.soak;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.Leases;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.lock.RedisLocks;
import io.github.redistoolkit.lock.RedisReadWriteLock;
import io.github.redistoolkit.lock.RedisSemaphore;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/** Acquires leases of all kinds, holds them for a while, and lets some of them lapse. */
final class LeaseActor implements Actor {

  static final String HELD = "held";
  static final String GRANTED = "granted";
  static final String PERMIT = "permit";
  static final String READING = "reading";
  static final String WRITING = "writing";
  static final String WRITE_GRANTED = "write-granted";
  static final int PERMITS = 3;

  private static final Duration LEASE = Duration.ofSeconds(2);
  private static final Duration LONGEST = Duration.ofSeconds(20);

  private final RedisLocks locks;
  private final List<String> names;
  private final Recorder recorder;

  LeaseActor(Access access, List<String> names, Recorder recorder) {
    this.locks = access.over(RedisLocks::over, RedisLocks::over);
    this.names = names;
    this.recorder = recorder;
  }

  /** An acquisition, at once or with a wait. */
  private interface Acquisition {
    Optional<Lease> within(Duration maxWait) throws InterruptedException;
  }

  @Override
  public void act(SplittableRandom random) throws InterruptedException {
    String name = names.get(random.nextInt(names.size()));
    switch (random.nextInt(6)) {
      case 0, 1 -> {
        RedisLock lock = locks.lock(name, LEASE);
        hold(random, name, GRANTED, HELD, wait -> acquire(wait, lock::tryAcquire, lock));
      }
      case 2 -> {
        RedisSemaphore semaphore = locks.semaphore(name, PERMITS, LEASE);
        hold(
            random,
            name,
            "permit-granted",
            PERMIT,
            wait -> wait.isZero() ? semaphore.tryAcquire() : semaphore.tryAcquire(wait));
      }
      case 3 -> {
        RedisReadWriteLock.ReadLock lock = locks.readWriteLock(name, LEASE).readLock();
        hold(
            random,
            name,
            "read-granted",
            READING,
            wait -> wait.isZero() ? lock.tryAcquire() : lock.tryAcquire(wait));
      }
      case 4 -> {
        RedisReadWriteLock.WriteLock lock = locks.readWriteLock(name, LEASE).writeLock();
        hold(
            random,
            name,
            WRITE_GRANTED,
            WRITING,
            wait -> wait.isZero() ? lock.tryAcquire() : lock.tryAcquire(wait));
      }
      default -> holdAll(random);
    }
  }

  private static Optional<Lease> acquire(
      Duration wait, java.util.function.Supplier<Optional<Lease>> now, RedisLock lock)
      throws InterruptedException {
    return wait.isZero() ? now.get() : lock.tryAcquire(wait);
  }

  private static Duration wait(SplittableRandom random) {
    return random.nextInt(3) == 0 ? Duration.ZERO : Duration.ofMillis(random.nextInt(1, 1500));
  }

  /** Mostly short, now and then beyond the lease. */
  private static long holdNanos(SplittableRandom random) {
    return TimeUnit.MILLISECONDS.toNanos(
        random.nextInt(20) == 0 ? random.nextInt(1000, 5000) : random.nextInt(0, 150));
  }

  private void hold(
      SplittableRandom random, String name, String granted, String held, Acquisition acquisition)
      throws InterruptedException {
    Duration wait = wait(random);
    long work = holdNanos(random);
    boolean keepAlive = random.nextInt(3) == 0;
    boolean release = random.nextInt(15) != 0;
    long asked = System.nanoTime();
    Optional<Lease> acquired =
        recorder.call(held + " acquire", () -> acquisition.within(wait).orElse(null));
    long had = System.nanoTime();
    if (acquired.isEmpty()) {
      return;
    }
    Lease lease = acquired.get();
    String token = String.valueOf(lease.token());
    recorder.add(granted, name, token, asked, had);
    if (keepAlive) {
      lease.keepAlive(LONGEST, () -> {});
    }
    long last = had;
    while (System.nanoTime() - had < work) {
      long now = System.nanoTime();
      if (!lease.isHeld()) {
        break;
      }
      last = now;
      TimeUnit.MILLISECONDS.sleep(3);
    }
    recorder.add(held, name, token, had, last);
    if (keepAlive || release) {
      recorder.call(held + " release", lease::release);
    }
  }

  private void holdAll(SplittableRandom random) throws InterruptedException {
    List<String> two =
        random.nextBoolean()
            ? List.of(names.get(0), names.get(1))
            : List.of(names.get(1), names.get(0));
    Duration wait = wait(random);
    long work = holdNanos(random);
    long asked = System.nanoTime();
    Optional<Leases> acquired =
        recorder.call(
            "several acquire",
            () ->
                (wait.isZero()
                        ? locks.tryAcquireAll(two, LEASE)
                        : locks.tryAcquireAll(two, LEASE, wait))
                    .orElse(null));
    long had = System.nanoTime();
    if (acquired.isEmpty()) {
      return;
    }
    Leases leases = acquired.get();
    for (String name : two) {
      recorder.add(GRANTED, name, String.valueOf(leases.lease(name).token()), asked, had);
    }
    long last = had;
    while (System.nanoTime() - had < work) {
      long now = System.nanoTime();
      if (!leases.isHeld()) {
        break;
      }
      last = now;
      TimeUnit.MILLISECONDS.sleep(3);
    }
    for (String name : two) {
      recorder.add(HELD, name, String.valueOf(leases.lease(name).token()), had, last);
    }
    recorder.call("several release", leases::release);
  }
}
