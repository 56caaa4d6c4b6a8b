package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;

/**
 * A service over a network that fails on demand, with which suites begin; nothing is left borrowed
 * or open after a test.
 */
abstract class IdempotencyFaultSuite {

  static final TypeToken<Integer> NUMBER = TypeToken.get(Integer.class);

  final FaultProxy proxy;
  final TestRedis behindProxy;
  final IdempotencyService service;

  /** One on another network, which does not fail. */
  final IdempotencyService direct;

  final String key;
  final StoredRecord stored;
  final AtomicInteger runs = new AtomicInteger();

  /**
   * Begins a suite.
   *
   * @param resending how long a client that sends a failed command again does so
   */
  IdempotencyFaultSuite(
      TestRedis redis, Duration resending, UnaryOperator<IdempotencyService.Builder> settings) {
    this.proxy = redis.proxy();
    this.behindProxy = redis.through(proxy).retryingFor(resending);
    this.service = settings.apply(Services.builder(behindProxy)).build();
    this.direct = Services.on(redis);
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), direct, key);
  }

  @AfterEach
  void leavesNothingBehind() {
    proxy.heal();
    // Not at once: claims may just be taken back.
    Awaitility.await().until(() -> behindProxy.borrowed() == 0);
    behindProxy.close();
    proxy.close();
  }

  Integer execute() {
    return service.execute(key, Integer.class, own -> runs.incrementAndGet());
  }

  void ranOnceAndIsReplayed() {
    assertThat(runs.get(), is(1));
    assertThat(direct.execute(key, Integer.class, own -> runs.incrementAndGet()), is(1));
    assertThat(runs.get(), is(1));
    assertThat(stored.ttlMillis(), is(greaterThan(0L)));
  }
}
