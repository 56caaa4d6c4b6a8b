package io.github.redistoolkit.spring;

import io.github.redistoolkit.pubsub.RedisPubSub;
import java.time.Duration;
import org.springframework.context.ApplicationContext;
import org.springframework.context.SmartLifecycle;

/**
 * Closes pub/sub once what has arrived is handled, since handlers need beans that are destroyed
 * afterwards. After the web server and what runs tasks, which may still publish.
 */
final class PubSubEnd extends AtTheEnd {

  /** Executors and schedulers of tasks stop at half of it. */
  private static final int PHASE = SmartLifecycle.DEFAULT_PHASE / 2 - 1024;

  private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

  private final RedisPubSub pubsub;

  PubSubEnd(ApplicationContext context, RedisPubSub pubsub) {
    super(context, PHASE);
    this.pubsub = pubsub;
  }

  @Override
  void end() {
    pubsub.close(LONGEST_WAIT);
  }
}
