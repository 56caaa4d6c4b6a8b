package io.github.redistoolkit.micrometer;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.Claim;
import io.github.redistoolkit.idempotency.FingerprintMismatchException;
import io.github.redistoolkit.idempotency.InProgressException;
import io.github.redistoolkit.idempotency.OutcomeOpenException;
import io.github.redistoolkit.idempotency.ReplayedFailureException;
import io.github.redistoolkit.idempotency.Request;
import io.github.redistoolkit.idempotency.ResultNotRecordedException;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableMessage;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** That each meter counts what it says, of modules at work. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
@Tag("smoke")
class MetricsIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final TestRedis redis;
  private final Measured measured;
  private final String key;

  MetricsIT(TestRedis redis) {
    this.redis = redis;
    this.measured = new Measured(redis, registry);
    this.key = redis.unique("key");
  }

  @AfterEach
  void close() {
    measured.close();
  }

  private double count(String meter, String... tags) {
    return registry.get(meter).tags(Measured.APPLICATION).tags(tags).functionCounter().count();
  }

  private double counter(String meter, String... tags) {
    return registry.get(meter).tags(Measured.APPLICATION).tags(tags).counter().count();
  }

  private long attempts(String outcome) {
    return attempts(registry, outcome);
  }

  private static long attempts(MeterRegistry measured, String outcome) {
    return measured
        .get("redis.lock.acquire")
        .tags("lock", "orders", "outcome", outcome)
        .timer()
        .count();
  }

  @Test
  void locksByOutcomeAndHowLongTheyWereHeld() {
    RedisLock lock = measured.lock();
    Lease lease = lock.tryAcquire().orElseThrow();
    assertThat(lock.tryAcquire().isPresent(), is(false));
    assertThat(lease.release(), is(true));
    assertThat(attempts("acquired"), is(1L));
    assertThat(attempts("refused"), is(1L));
    assertThat(registry.get("redis.lock.held").tag("lock", "orders").timer().count(), is(1L));
    assertThat(counter("redis.lock.lost", "lock", "orders"), is(0.0));
  }

  @Test
  void attemptsAtALockThatFailed() {
    SimpleMeterRegistry cutOff = new SimpleMeterRegistry();
    try (FaultProxy proxy = redis.proxy();
        TestRedis behindProxy = redis.through(proxy);
        Measured behind = new Measured(behindProxy, cutOff)) {
      proxy.refuse();
      assertThrows(JedisException.class, () -> behind.lock().tryAcquire());
      assertThrows(JedisException.class, () -> behind.lock().tryAcquire(Duration.ofMillis(20)));
    }
    assertThat(attempts(cutOff, "error"), is(2L));
    assertThat(attempts(cutOff, "refused") + attempts(cutOff, "acquired"), is(0L));
  }

  @Test
  void leasesThatWereLost() {
    Lease lease = measured.lock().tryAcquire().orElseThrow();
    boolean unused = lease.extend(Duration.ofMillis(50)); // in vain if that is over already
    Awaitility.await().until(() -> !lease.isHeld());
    assertThat(lease.release(), is(false));
    Awaitility.await().until(() -> counter("redis.lock.lost", "lock", "orders") == 1);
    assertThat(registry.get("redis.lock.held").timer().count(), is(0L));
  }

  @Test
  void decisionsByLimiterLimitAndOutcome() {
    for (int i = 0; i < 5; i++) {
      assertThat(measured.limiter.isAllowed(key), is(i < 2));
    }
    assertThat(decisions(Decision.Outcome.ALLOWED), is(2.0));
    assertThat(decisions(Decision.Outcome.REFUSED), is(3.0));
  }

  @Test
  void decisionsThatRedisDidNotMake() {
    SimpleMeterRegistry cutOff = new SimpleMeterRegistry();
    try (FaultProxy proxy = redis.proxy();
        TestRedis behindProxy = redis.through(proxy);
        Measured behind = new Measured(behindProxy, cutOff)) {
      proxy.refuse();
      assertThat(behind.limiter.isAllowed(key), is(true));
    }
    assertThat(
        cutOff
            .get("redis.ratelimit.decisions")
            .tags("limiter", "api", "limit", "per-hour", "outcome", "degraded")
            .counter()
            .count(),
        is(1.0));
  }

  private double decisions(Decision.Outcome outcome) {
    String word = outcome.name().toLowerCase(java.util.Locale.ROOT);
    return counter(
        "redis.ratelimit.decisions", "limiter", "api", "limit", "per-hour", "outcome", word);
  }

  @Test
  void requestsByOutcomeEachOnce() {
    assertThat(measured.service.execute(key, String.class, claim -> "done"), is("done"));
    assertThat(measured.service.execute(key, String.class, claim -> "again"), is("done"));
    Request other = Request.of(key + "-other").fingerprint("a");
    try (Claim<String> working = measured.service.begin(other, TEXT)) {
      assertThrows(InProgressException.class, () -> measured.service.begin(other, TEXT));
      assertThrows(
          FingerprintMismatchException.class,
          () -> measured.service.begin(other.fingerprint("b"), TEXT));
      working.complete("done");
    }
    assertThat(requests("run"), is(2.0));
    assertThat(requests("replayed"), is(1.0));
    assertThat(requests("in-progress"), is(1.0));
    assertThat(requests("mismatch"), is(1.0));
    assertThat(requests("outcome-open"), is(0.0));
  }

  private double requests(String outcome) {
    return counter("redis.idempotency.requests", "operation", "payments", "outcome", outcome);
  }

  @Test
  void takeoversAreAPartOfTheRuns() {
    Request request = Request.of(key).lease(Duration.ofMillis(20));
    Claim<String> slow = measured.service.begin(request, TEXT);
    Claim<String> next =
        Awaitility.await()
            .ignoreExceptionsInstanceOf(InProgressException.class)
            .until(() -> measured.service.begin(request, TEXT), claim -> true);
    next.complete("next");
    assertThrows(ResultNotRecordedException.class, () -> slow.complete("late"));
    assertThat(requests("run"), is(2.0));
    assertThat(counter("redis.idempotency.takeovers", "operation", "payments"), is(1.0));
    assertThat(unrecorded("claim-lost"), is(1.0));
    assertThat(unrecorded("too-large"), is(0.0));
  }

  private double unrecorded(String reason) {
    return counter("redis.idempotency.unrecorded", "operation", "payments", "reason", reason);
  }

  @Test
  void resultsThatAreTooLarge() {
    assertThrows(
        ResultNotRecordedException.class,
        () -> measured.service.execute(key, String.class, claim -> "x".repeat(1000)));
    assertThat(unrecorded("too-large"), is(1.0));
  }

  @Test
  void failuresThatAreKept() {
    assertThrows(IllegalStateException.class, () -> failWith(key, new IllegalStateException()));
    assertThrows(ReplayedFailureException.class, () -> failWith(key, new AssertionError()));
    String open = key + "-open";
    assertThrows(
        IllegalArgumentException.class, () -> failWith(open, new IllegalArgumentException()));
    assertThrows(OutcomeOpenException.class, () -> failWith(open, new AssertionError()));
    assertThat(kept("store-failure"), is(1.0));
    assertThat(kept("keep-open"), is(1.0));
    assertThat(requests("replayed"), is(1.0));
    assertThat(requests("outcome-open"), is(1.0));
  }

  private void failWith(String request, Throwable failure) {
    String unused =
        measured.service.execute(
            request,
            String.class,
            claim -> {
              if (failure instanceof RuntimeException e) {
                throw e;
              }
              throw (Error) failure;
            });
  }

  private double kept(String how) {
    return counter("redis.idempotency.failures.kept", "operation", "payments", "kept", how);
  }

  @Test
  void messagesByWhatBecameOfThem() {
    try (Subscription subscription =
        measured.pubsub.subscribe(
            key,
            Integer.class,
            message -> {
              if (message.body() == 0) {
                throw new IllegalArgumentException("zero");
              }
            })) {
      assertThat(subscription.isActive(), is(true));
      assertThat(gauge("redis.pubsub.connected"), is(1.0));
      for (int number = 0; number < 5; number++) {
        assertThat(measured.pubsub.publish(key, number), is(greaterThanOrEqualTo(1L)));
      }
      Awaitility.await().until(() -> messages("handled") == 4 && messages("failed") == 1);
      assertThat(messages("dropped"), is(0.0));
      assertThat(gauge("redis.pubsub.queued"), is(0.0));
    }
  }

  private double messages(String outcome) {
    return count("redis.pubsub.messages", "pubsub", "events", "outcome", outcome);
  }

  private double gauge(String meter) {
    return registry.get(meter).tags(Measured.APPLICATION).gauge().value();
  }

  @Test
  void connectionsOfSubscriptionsThatWereLostAndTheirGaps() {
    try (Subscription subscription = measured.pubsub.subscribe(key, Integer.class, message -> {})) {
      assertThat(subscription.isActive(), is(true));
      assertThat(redis.killClients("pubsub"), is(greaterThanOrEqualTo(1)));
      Awaitility.await().until(() -> registry.get("redis.pubsub.gaps").timer().count() >= 1);
      assertThat(counter("redis.pubsub.disconnects", "pubsub", "events"), is(greaterThan(0.0)));
    }
  }

  @Test
  void messagesOfTopicsByWhatBecameOfThem() {
    measured.topic.subscribe(Measured.GROUP, From.start(), MetricsIT::refuseZero);
    measured.topic.follow(From.start(), MetricsIT::refuseZero);
    for (int number = 0; number < 5; number++) {
      measured.topic.publish(number);
    }
    Awaitility.await()
        .until(() -> stream("messages", Measured.GROUP, "outcome", "dead-letter") == 1);
    Awaitility.await().until(() -> stream("messages", Measured.GROUP, "outcome", "handled") == 4);
    Awaitility.await().until(() -> stream("messages", "-", "outcome", "skipped") == 1);
    Awaitility.await().until(() -> stream("messages", "-", "outcome", "handled") == 4);
    assertThat(counter("redis.stream.published", "stream", "orders"), is(5.0));
    assertThat(stream("messages", Measured.GROUP, "outcome", "failed"), is(2.0));
    assertThat(stream("redelivered", Measured.GROUP), is(1.0));
    assertThat(stream("messages", Measured.GROUP, "outcome", "skipped"), is(0.0));
    Awaitility.await().until(() -> gauge("redis.stream.dead.letters") == 1);
    Awaitility.await().until(() -> gauge("redis.stream.pending") == 0);
  }

  private static void refuseZero(DurableMessage<Integer> message) {
    if (message.body() == 0) {
      throw new IllegalArgumentException("zero");
    }
  }

  private double stream(String meter, String group, String... more) {
    Counter found =
        registry
            .find("redis.stream." + meter)
            .tags("stream", "orders", "group", group)
            .tags(more)
            .counter();
    return found == null ? 0 : found.count();
  }

  @Test
  void howFarAGroupIs() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch held = new CountDownLatch(1);
    assertThat(gauge("redis.stream.lag"), is(Double.NaN));
    try (DurableSubscription subscription =
        measured.topic.subscribe(
            Measured.GROUP,
            From.start(),
            message -> {
              begun.countDown();
              assertThat(held.await(60, TimeUnit.SECONDS), is(true));
            })) {
      measured.topic.publish(1);
      assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
      Awaitility.await().until(() -> gauge("redis.stream.pending") == 1);
      Awaitility.await().until(() -> oldestPendingSeconds() > 0);
      assertThat(oldestPendingSeconds(), is(lessThan(600.0)));
      assertThat(gauge("redis.stream.consumers"), is(1.0));
      held.countDown();
      Awaitility.await().until(() -> gauge("redis.stream.pending") == 0);
      assertThat(oldestPendingSeconds(), is(0.0));
      assertThat(subscription.handled(), is(1L));
    }
    measured.topic.publish(2);
    Awaitility.await().until(() -> gauge("redis.stream.lag") == 1);
    assertThat(gauge("redis.stream.consumers"), is(0.0));
  }

  private double oldestPendingSeconds() {
    return registry.get("redis.stream.pending.age").timeGauge().value(TimeUnit.SECONDS);
  }

  @Test
  void theFiguresOfAGroupAreOneRoundTripForAllOfThem() {
    measured.topic.subscribe(Measured.GROUP, From.start(), message -> {}).close();
    Awaitility.await().until(() -> gauge("redis.stream.lag") == 0);
    long before = redis.calls("xpending") + redis.calls("xinfo|groups");
    for (int read = 0; read < 1000; read++) {
      assertThat(gauge("redis.stream.lag"), is(0.0));
      assertThat(gauge("redis.stream.pending"), is(0.0));
    }
    long asked = redis.calls("xpending") + redis.calls("xinfo|groups") - before;
    assertThat(asked, is(lessThan(200L)));
  }

  @Test
  void connectionsOfTopicsThatWereLostAndForHowLong() {
    SimpleMeterRegistry cut = new SimpleMeterRegistry();
    try (FaultProxy proxy = redis.proxy();
        TestRedis behindProxy = redis.through(proxy);
        Measured behind = new Measured(behindProxy, cut)) {
      behind.topic.subscribe(Measured.GROUP, From.start(), message -> {});
      proxy.refuse();
      Awaitility.await().until(() -> cut.find("redis.stream.disconnects").counter() != null);
      // Nobody is told a figure that is not known, nor does asking throw.
      Awaitility.await().until(() -> cut.get("redis.stream.lag").gauge().value(), is(Double.NaN));
      proxy.heal();
      Awaitility.await().until(() -> cut.get("redis.stream.away").timer().count() > 0);
      assertThat(cut.get("redis.stream.disconnects").counter().count(), is(greaterThan(0.0)));
    }
  }

  @Test
  void groupsOfTopicsThatWereLostAndWhatElseAListenerIsTold() {
    DurableListener listener = StreamMetrics.listener(registry, "orders", Measured.APPLICATION);
    try (DurableSubscription subscription =
        measured.topic.subscribe(Measured.GROUP, From.start(), message -> {})) {
      redis.removeKeys();
      Awaitility.await().until(() -> stream("groups.lost", Measured.GROUP) == 1);
      listener.onTrimmed(subscription, 3);
      listener.onLeaseLost(subscription, new DurableMessage<>("1-0", 1, Instant.EPOCH, 1));
    }
    assertThat(stream("trimmed", Measured.GROUP), is(3.0));
    assertThat(stream("leases.lost", Measured.GROUP), is(1.0));
  }

  @Test
  void readsAndLoadsOfCaches() {
    assertThat(measured.cache.get(key).isPresent(), is(false));
    assertThat(measured.cache.getOrLoad(key, Duration.ofMinutes(1), () -> "loaded"), is("loaded"));
    assertThat(measured.cache.get(key).isPresent(), is(true));
    assertThrows(
        IllegalStateException.class,
        () ->
            measured.cache.getOrLoad(
                key + "-failing",
                Duration.ofMinutes(1),
                () -> {
                  throw new IllegalStateException("no database");
                }));
    assertThat(count("cache.gets", "cache", "users", "result", "hit"), is(1.0));
    assertThat(count("cache.gets", "cache", "users", "result", "miss"), is(greaterThan(1.0)));
    assertThat(count("cache.load", "cache", "users", "result", "success"), is(1.0));
    assertThat(count("cache.load", "cache", "users", "result", "failure"), is(1.0));
    assertThat(
        registry.get("cache.load.duration").timeGauge().value(TimeUnit.NANOSECONDS),
        is(greaterThan(0.0)));
  }

  @Test
  void hitsOfTheNearCacheAndWhatItHas() {
    measured.cache.set(key, "value", Duration.ofMinutes(1));
    Awaitility.await()
        .until(
            () -> {
              assertThat(measured.cache.get(key).orElseThrow(), is("value"));
              return count("cache.near.hits", "cache", "users") > 0;
            });
    assertThat(gauge("cache.near.on"), is(1.0));
    assertThat(gauge("cache.near.entries"), is(1.0));
    assertThat(gauge("cache.near.size"), is(greaterThan(0.0)));
  }
}
