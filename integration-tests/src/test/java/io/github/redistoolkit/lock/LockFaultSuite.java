package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import redis.clients.jedis.exceptions.JedisException;

/** A network that fails on demand, with which suites begin; nothing of it is left after a test. */
abstract class LockFaultSuite {

  static final Duration LEASE = Duration.ofSeconds(30);

  final TestRedis redis;
  final FaultProxy proxy;

  /** The same Redis, over that network. */
  final TestRedis faulty;

  final AtomicInteger losses = new AtomicInteger();

  LockFaultSuite(TestRedis redis) {
    this.redis = redis;
    this.proxy = redis.proxy();
    this.faulty = redis.through(proxy);
  }

  @AfterEach
  void leavesNothingBehind() {
    proxy.close();
    faulty.close();
  }

  /** Something that may end in a lease. */
  interface Attempt {
    Optional<Lease> make() throws InterruptedException;
  }

  /** The same, for a client that soon gives up a request, or sends it again. */
  final TestRedis hasty() {
    return faulty.with(config -> config.timeoutMillis(500));
  }

  /**
   * Makes an attempt in vain, beside one that holds the same over this network, of which the first
   * request is held up on its way, lets the holder go, and waits until that request has arrived.
   */
  final void heldUpInVain(Lease holder, Attempt attempt) throws Exception {
    long sent = proxy.requests("EVALSHA");
    long before = redis.calls("evalsha");
    proxy.latency(Duration.ofSeconds(4)); // half of it each way
    try (Crew crew = new Crew()) {
      Crew.Started<Optional<Lease>> made = crew.start(() -> madeOrGivenUp(attempt));
      await().pollInterval(Duration.ofMillis(1)).until(() -> proxy.requests("EVALSHA") > sent);
      proxy.latency(Duration.ZERO);
      assertThat(made.get(), is(Optional.empty()));
    }
    assertThat(holder.release(), is(true));
    await().until(() -> redis.calls("evalsha") - before >= proxy.requests("EVALSHA") - sent);
  }

  private static Optional<Lease> madeOrGivenUp(Attempt attempt) throws InterruptedException {
    try {
      return attempt.make();
    } catch (JedisException e) {
      assertThat(e.getSuppressed().length, is(0));
      return Optional.empty();
    }
  }

  /** A name whose server knows the scripts, so that the next request is what a test counts. */
  String prepared(String text) {
    return Locks.prepared(redis, text);
  }
}
