package io.github.redistoolkit.micrometer;

import io.github.redistoolkit.idempotency.FailureOutcome;
import io.github.redistoolkit.idempotency.IdempotencyListener;
import io.github.redistoolkit.idempotency.ResultNotRecordedException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;

/**
 * Measures an idempotency service.
 *
 * <pre>{@code
 * IdempotencyService payments =
 *     IdempotencyService.builder(pool, "payments")
 *         .listener(IdempotencyMetrics.listener(registry, "payments"))
 *         .build();
 * }</pre>
 *
 * <table>
 *   <caption>Its meters, all of them counters with the tag {@code operation}</caption>
 *   <tr><th>name</th><th>counts</th><th>further tag</th></tr>
 *   <tr><td>{@code redis.idempotency.requests}</td><td>requests, each once</td>
 *     <td>{@code outcome}: {@code run}, {@code replayed}, {@code in-progress}, {@code mismatch},
 *     {@code outcome-open}</td></tr>
 *   <tr><td>{@code redis.idempotency.takeovers}</td>
 *     <td>the part of {@code run} that took over from an owner whose lease was over</td>
 *     <td></td></tr>
 *   <tr><td>{@code redis.idempotency.unrecorded}</td>
 *     <td>work that ran and whose result was not recorded</td>
 *     <td>{@code reason}: that of {@link ResultNotRecordedException}, such as {@code too-large}</td>
 *   </tr>
 *   <tr><td>{@code redis.idempotency.failures.kept}</td>
 *     <td>work that failed and was not freed for another attempt</td>
 *     <td>{@code kept}: {@code store-failure} or {@code keep-open}</td></tr>
 * </table>
 *
 * <p>All counters are there from the start, so a rate is 0 before anything has happened. A request
 * that ended with a Jedis exception before it had an outcome is not counted. Thread-safe.
 */
public final class IdempotencyMetrics implements IdempotencyListener {

  static {
    ModuleVersion.check();
  }

  private final Counter run;
  private final Counter replayed;
  private final Counter inProgress;
  private final Counter mismatch;
  private final Counter outcomeOpen;
  private final Counter takeovers;
  private final Map<ResultNotRecordedException.Reason, Counter> unrecorded =
      new EnumMap<>(ResultNotRecordedException.Reason.class);
  private final Counter failuresStored;
  private final Counter failuresOpen;

  private IdempotencyMetrics(MeterRegistry registry, Tags tags) {
    this.run = requests(registry, tags, "run");
    this.replayed = requests(registry, tags, "replayed");
    this.inProgress = requests(registry, tags, "in-progress");
    this.mismatch = requests(registry, tags, "mismatch");
    this.outcomeOpen = requests(registry, tags, "outcome-open");
    this.takeovers =
        Counter.builder("redis.idempotency.takeovers")
            .description("Requests that took over from an owner whose lease was over")
            .tags(tags)
            .register(registry);
    for (ResultNotRecordedException.Reason reason : ResultNotRecordedException.Reason.values()) {
      Counter counter =
          Counter.builder("redis.idempotency.unrecorded")
              .description("Work that ran and whose result was not recorded")
              .tags(tags)
              .tag("reason", word(reason))
              .register(registry);
      unrecorded.put(reason, counter);
    }
    this.failuresStored = failuresKept(registry, tags, FailureOutcome.STORE_FAILURE);
    this.failuresOpen = failuresKept(registry, tags, FailureOutcome.KEEP_OPEN);
  }

  private static Counter requests(MeterRegistry registry, Tags tags, String outcome) {
    return Counter.builder("redis.idempotency.requests")
        .description("Requests by what became of them")
        .tags(tags)
        .tag("outcome", outcome)
        .register(registry);
  }

  private static Counter failuresKept(MeterRegistry registry, Tags tags, FailureOutcome outcome) {
    return Counter.builder("redis.idempotency.failures.kept")
        .description("Work that failed and was not freed for another attempt")
        .tags(tags)
        .tag("kept", word(outcome))
        .register(registry);
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * Returns what measures a service, for {@code listener(…)} of its builder.
   *
   * @param registry where the meters are
   * @param operation a label for what the requests are for, such as the name of the service
   * @return a listener
   * @throws NullPointerException if an argument is null
   */
  public static IdempotencyListener listener(MeterRegistry registry, String operation) {
    return listener(registry, operation, Tags.empty());
  }

  /**
   * Returns what measures a service, for {@code listener(…)} of its builder.
   *
   * @param registry where the meters are
   * @param operation a label for what the requests are for, such as the name of the service
   * @param tags further tags of every meter
   * @return a listener
   * @throws NullPointerException if an argument is null
   */
  public static IdempotencyListener listener(
      MeterRegistry registry, String operation, Iterable<Tag> tags) {
    return new IdempotencyMetrics(
        Labels.registry(registry), Labels.tags("operation", operation, tags));
  }

  @Override
  public void onRun(String key, int attempt) {
    run.increment();
  }

  @Override
  public void onTakenOver(String key, int attempt) {
    takeovers.increment();
  }

  @Override
  public void onReplayed(String key, int attempt) {
    replayed.increment();
  }

  @Override
  public void onInProgress(String key, Duration retryAfter) {
    inProgress.increment();
  }

  @Override
  public void onMismatch(String key) {
    mismatch.increment();
  }

  @Override
  public void onOutcomeOpen(String key) {
    outcomeOpen.increment();
  }

  @Override
  public void onNotRecorded(String key, ResultNotRecordedException.Reason reason) {
    Counter counter = unrecorded.get(reason);
    if (counter != null) {
      counter.increment();
    }
  }

  @Override
  public void onFailureStored(String key, Throwable failure, FailureOutcome outcome) {
    (outcome == FailureOutcome.KEEP_OPEN ? failuresOpen : failuresStored).increment();
  }
}
