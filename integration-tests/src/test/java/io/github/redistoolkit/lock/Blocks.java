package io.github.redistoolkit.lock;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * For how long those who wait for a lock let Redis block them: what they ask for, which does not
 * depend on how busy the machine is.
 */
final class Blocks implements AutoCloseable {

  private final FaultProxy proxy;
  private final TestRedis redis;
  private final Collection<Duration> asked = new ConcurrentLinkedQueue<>();

  private Blocks(FaultProxy proxy, TestRedis redis) {
    this.proxy = proxy;
    this.redis = redis;
    FaultProxy.Loss none = proxy.loseReply(this::isNoted, 1, FaultProxy.Then.CUT);
    if (none.happened()) {
      throw new IllegalStateException("nothing was asked for yet");
    }
  }

  /** Looks at what goes to these servers through {@link #redis}. */
  static Blocks at(TestRedis redis) {
    FaultProxy proxy = redis.proxy();
    return new Blocks(proxy, redis.through(proxy));
  }

  /** Never true, so that no reply is lost. */
  private boolean isNoted(FaultProxy.Request request) {
    if (request.name().equals("BLPOP")) {
      String seconds = request.arguments().get(request.arguments().size() - 1);
      asked.add(Duration.ofMillis(Math.round(Double.parseDouble(seconds) * 1000)));
    }
    return false;
  }

  /** Whose waiters are noted. */
  TestRedis redis() {
    return redis;
  }

  /** How many blocks have ended. */
  int count() {
    return asked.size();
  }

  /** How long they were to last together. */
  Duration total() {
    return asked.stream().reduce(Duration.ZERO, Duration::plus);
  }

  @Override
  public void close() {
    redis.close();
    proxy.close();
  }
}
