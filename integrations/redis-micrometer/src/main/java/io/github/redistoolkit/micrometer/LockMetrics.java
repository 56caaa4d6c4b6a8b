package io.github.redistoolkit.micrometer;

import io.github.redistoolkit.lock.LockListener;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;

/**
 * Measures locks.
 *
 * <pre>{@code
 * RedisLocks locks =
 *     RedisLocks.builder(pool).listener(LockMetrics.listener(registry, "orders")).build();
 * }</pre>
 *
 * <table>
 *   <caption>Its meters</caption>
 *   <tr><th>name</th><th>type</th><th>tags</th></tr>
 *   <tr><td>{@code redis.lock.acquire}</td><td>timer: how long callers waited</td>
 *     <td>{@code lock}; {@code outcome} is {@code acquired}, {@code refused} or
 *     {@code error}</td></tr>
 *   <tr><td>{@code redis.lock.held}</td><td>timer: from acquisition to release</td>
 *     <td>{@code lock}</td></tr>
 *   <tr><td>{@code redis.lock.lost}</td><td>counter: leases that were lost</td>
 *     <td>{@code lock}</td></tr>
 * </table>
 *
 * <p>{@code lock} is a label for all locks that have the listener. It is never the name of one of
 * them, which may be an id. An {@code error} is an attempt that ended with an exception, for
 * instance because Redis could not be reached. An attempt that was interrupted is not counted.
 * Thread-safe.
 */
public final class LockMetrics implements LockListener {

  static {
    ModuleVersion.check();
  }

  private final Timer acquired;
  private final Timer refused;
  private final Timer failed;
  private final Timer held;
  private final Counter lost;

  private LockMetrics(MeterRegistry registry, Tags tags) {
    this.acquired = attempts(registry, tags, "acquired");
    this.refused = attempts(registry, tags, "refused");
    this.failed = attempts(registry, tags, "error");
    this.held =
        Timer.builder("redis.lock.held")
            .description("How long locks were held until they were released")
            .tags(tags)
            .register(registry);
    this.lost =
        Counter.builder("redis.lock.lost")
            .description("Leases that were lost while somebody relied on them")
            .tags(tags)
            .register(registry);
  }

  private static Timer attempts(MeterRegistry registry, Tags tags, String outcome) {
    return Timer.builder("redis.lock.acquire")
        .description("How long callers waited for a lock")
        .tags(tags)
        .tag("outcome", outcome)
        .register(registry);
  }

  /**
   * Returns what measures locks, for {@code listener(…)} of their builder.
   *
   * @param registry where the meters are
   * @param lock a label for these locks, such as what they protect
   * @return a listener
   * @throws NullPointerException if an argument is null
   */
  public static LockListener listener(MeterRegistry registry, String lock) {
    return listener(registry, lock, Tags.empty());
  }

  /**
   * Returns what measures locks, for {@code listener(…)} of their builder.
   *
   * @param registry where the meters are
   * @param lock a label for these locks, such as what they protect
   * @param tags further tags of every meter
   * @return a listener
   * @throws NullPointerException if an argument is null
   */
  public static LockListener listener(MeterRegistry registry, String lock, Iterable<Tag> tags) {
    return new LockMetrics(Labels.registry(registry), Labels.tags("lock", lock, tags));
  }

  @Override
  public void onAcquired(String name, Duration waited) {
    acquired.record(waited);
  }

  @Override
  public void onRefused(String name, Duration waited) {
    refused.record(waited);
  }

  @Override
  public void onFailed(String name, Duration waited, Throwable failure) {
    failed.record(waited);
  }

  @Override
  public void onLost(String name, String why) {
    lost.increment();
  }

  @Override
  public void onReleased(String name, Duration heldFor) {
    held.record(heldFor);
  }
}
