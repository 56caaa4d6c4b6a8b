package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * What all subscriptions of a topic have in common.
 *
 * @param executorIsOwn whether it is the topic's, so that handlers may be called on any thread
 * @param handlerTimeout for how long a handler's lease is renewed; null as long as it runs
 * @param maxAge how many milliseconds an entry is kept, 0 for ever
 */
record Settings<T>(
    RedisAccess redis,
    String name,
    TopicKeys keys,
    Bodies<T> bodies,
    Executor executor,
    boolean executorIsOwn,
    int concurrency,
    int batch,
    Duration lease,
    Duration retryDelay,
    int maxDeliveries,
    @Nullable Duration handlerTimeout,
    Duration closeTimeout,
    long maxAge,
    Reports reports) {

  /** The same for one partition of the topic. */
  Settings<T> at(TopicKeys partition) {
    return new Settings<>(
        redis,
        name,
        partition,
        bodies,
        executor,
        executorIsOwn,
        concurrency,
        batch,
        lease,
        retryDelay,
        maxDeliveries,
        handlerTimeout,
        closeTimeout,
        maxAge,
        reports);
  }

  /** How many entries a consumer may have read and not done with, those apart that wait. */
  int mostHeld() {
    // Where the first delivery is the last, what dies unbegun in a queue would have had none.
    return maxDeliveries == 1 ? concurrency : Math.max(batch, concurrency);
  }

  /** How long to wait before a delivery is repeated. */
  Duration delayAfter(int delivery) {
    int doublings = Math.min(delivery - 1, 20);
    long millis = retryDelay.toMillis() << doublings;
    return Duration.ofMillis(Math.max(retryDelay.toMillis(), Math.min(millis, lease.toMillis())));
  }
}
