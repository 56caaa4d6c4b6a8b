package io.github.redistoolkit.core;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;

/** Leases are kept alive, whatever becomes of the network, of the pool and of the server. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class RenewalsIT {

  private static final Duration WHILE = Duration.ofSeconds(3);

  private final TestRedis redis;

  RenewalsIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void leasesOutliveTheirTimeAndEndWhenTheyAreEnded() {
    List<KeptLease> leases = keep(redis, 5, 2_000);
    pass(WHILE);
    assertAllHeld(leases);
    leases.forEach(KeptLease::end);
    await().until(() -> leases.stream().noneMatch(KeptLease::isThere));
    assertThat(losses(leases), is(0L));
  }

  @Test
  void aLeaseThatIsGoneFromRedisIsToldAndNotRecreated() {
    KeptLease lease = keep(redis, 1, 1_000).get(0);
    redis.admin().del(lease.key());
    await().until(lease::isGone);
    assertThat(lease.isThere(), is(false));
    assertThat(lease.isOver(), is(false));
  }

  @Test
  void ofTwentyLeasesOfASecondNoneIsLostWhileRedisIsAwayFor150Millis() {
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy)) {
      List<KeptLease> leases = keep(faulty, 20, 1_000);
      // At other moments of their lives.
      for (int round = 0; round < 4; round++) {
        pass(Duration.ofMillis(600 + 130 * round));
        proxy.refuse();
        pass(Duration.ofMillis(150));
        proxy.accept();
      }
      pass(Duration.ofSeconds(1));
      assertAllHeld(leases);
      leases.forEach(KeptLease::end);
    }
  }

  @Test
  void leasesOutliveASilenceOfMostOfTheirTime() {
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy)) {
      List<KeptLease> leases = keep(faulty, 20, 3_000);
      pass(Duration.ofMillis(1_500));
      proxy.blackHole();
      pass(Duration.ofMillis(700));
      proxy.heal();
      pass(WHILE);
      assertAllHeld(leases);
      leases.forEach(KeptLease::end);
    }
  }

  @Test
  void aConnectionThatHasGoneSilentIsPassedByOverAnother() {
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy)) {
      KeptLease lease = keep(faulty, 1, 1_500).get(0);
      for (int round = 0; round < 3; round++) {
        FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.SILENCE);
        await().until(loss::happened);
        int before = lease.renewals();
        await().until(() -> lease.renewals() > before);
      }
      assertAllHeld(List.of(lease));
      lease.end();
    }
  }

  @Test
  @Proves("lock.kept-alive")
  void noLeaseIsLostWhileTheApplicationHasBorrowedAllConnections() throws Exception {
    try (TestRedis small = redis.withMaxTotal(2)) {
      // One slot, so that it is their node's pool that gives nothing.
      String tag = "{" + redis.unique("busy") + "}";
      List<KeptLease> leases = keep(small, tag, 10, 1_000);
      CountDownLatch borrowed = new CountDownLatch(2);
      List<Thread> borrowers = new ArrayList<>();
      UnifiedJedis client = small.client();
      for (int i = 0; i < 2; i++) {
        String list = tag + ":list" + i;
        Thread borrower =
            new Thread(
                () -> {
                  borrowed.countDown();
                  var unused = client.blpop(2.5, list);
                });
        borrowers.add(borrower);
        borrower.start();
      }
      assertThat(borrowed.await(10, TimeUnit.SECONDS), is(true));
      for (Thread borrower : borrowers) {
        borrower.join();
      }
      assertAllHeld(leases);
      leases.forEach(KeptLease::end);
    }
  }

  @Test
  void manyLeasesNeedAHandfulOfThreadsAndConnectionsAndGoInPipelines() {
    long threadsBefore = threads();
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy)) {
      List<KeptLease> leases = keep(faulty, 1_500, 6_000);
      int connectionsBefore = proxy.connections();
      long most = 0;
      long start = System.nanoTime();
      while (System.nanoTime() - start < TimeUnit.SECONDS.toNanos(7)) {
        most = Math.max(most, threads() - threadsBefore);
        pass(Duration.ofMillis(20));
        if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(3)
            && proxy.connections() - connectionsBefore > 6) {
          break;
        }
      }
      assertAllHeld(leases);
      assertThat("renewals", leases.stream().mapToInt(KeptLease::renewals).min().orElse(0) > 0);
      assertThat("threads", most, is(lessThanOrEqualTo(7L)));
      assertThat("connections", proxy.connections() - connectionsBefore, is(lessThanOrEqualTo(6)));
      leases.forEach(KeptLease::end);
    }
  }

  @Test
  void aServerThatForgetsTheScriptGetsItAgain() {
    List<KeptLease> leases = keep(redis, 20, 1_500);
    try (var flushing = redis.flushScriptsEvery(Duration.ofMillis(50))) {
      pass(WHILE);
      assertThat(flushing.times(), is(greaterThan(0)));
    }
    assertAllHeld(leases);
    leases.forEach(KeptLease::end);
  }

  @Test
  void theThreadsAndConnectionsEndWhenNothingIsKept() {
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy)) {
      List<KeptLease> leases = keep(faulty, 3, 1_000);
      int before = proxy.connections();
      await().until(() -> leases.stream().allMatch(lease -> lease.renewals() > 0));
      assertThat(proxy.connections(), is(greaterThan(before)));
      leases.forEach(KeptLease::end);
      await().until(() -> proxy.connections() <= before);
    }
    await().until(() -> threads() == 0);
  }

  /** How many there are once a Cluster's client has closed those by which it asked who has what. */
  private static int settled(FaultProxy proxy) {
    AtomicInteger seen = new AtomicInteger(proxy.connections());
    await()
        .during(Duration.ofMillis(500))
        .until(() -> seen.getAndSet(proxy.connections()) == proxy.connections());
    return seen.get();
  }

  @Test
  void aConnectionThatNothingGoesOverForAMinuteIsClosedThoughLeasesAreKept() {
    TestTime time = new TestTime();
    long lease = TimeUnit.HOURS.toMillis(1);
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy)) {
      Renewals renewals = Renewals.of(CoreAccess.of(faulty), time.alarms());
      KeptLease kept = KeptLease.keep(renewals, redis.admin(), redis.unique("rare"), lease, time);
      int before = settled(proxy);
      time.pass(Duration.ofMinutes(20));
      await().until(() -> kept.renewals() == 1);
      assertThat(proxy.connections(), is(greaterThan(before)));
      time.pass(Duration.ofSeconds(61));
      await().until(() -> proxy.connections() <= before);
      time.pass(Duration.ofMinutes(20));
      await().until(() -> kept.renewals() == 2);
      assertThat(kept.isOver(), is(false));
      kept.end();
    }
  }

  @Test
  void aClosedClientEndsTheRenewalsAndTheOwnersAreTold() {
    List<KeptLease> leases;
    try (TestRedis closed = redis.withMaxTotal(4)) {
      leases = keep(closed, 3, 1_500);
      await().until(() -> leases.stream().allMatch(lease -> lease.renewals() > 0));
    }
    await().until(() -> leases.stream().allMatch(KeptLease::isOver));
    await().until(() -> threads() == 0);
  }

  @Test
  void aServerThatRefusesIsToldToTheOwnerBeforeTheLeaseIsOver() {
    TestRedis restricted = redis.withoutCommands("evalsha");
    KeptLease lease = keep(restricted, 1, 1_000).get(0);
    await().until(() -> lease.failure().contains("NOPERM"));
    await().until(lease::isOver);
  }

  private List<KeptLease> keep(TestRedis through, int count, long millis) {
    return keep(through, redis.unique("lease"), count, millis);
  }

  private List<KeptLease> keep(TestRedis through, String name, int count, long millis) {
    Renewals renewals = Renewals.of(CoreAccess.of(through));
    return IntStream.range(0, count)
        .mapToObj(i -> KeptLease.keep(renewals, redis.admin(), name + i, millis))
        .toList();
  }

  private static void assertAllHeld(List<KeptLease> leases) {
    assertThat("lost", losses(leases), is(0L));
    for (KeptLease lease : leases) {
      assertThat(lease.key(), lease.isThere(), is(true));
    }
  }

  private static long losses(List<KeptLease> leases) {
    return leases.stream().filter(lease -> lease.isOver() || lease.isGone()).count();
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(
            thread ->
                thread.getName().startsWith("redis-toolkit-renewal-")
                    || thread.getName().startsWith("redis-toolkit-timer-"))
        .count();
  }

  /** Lets real time pass: it is what is tested here. */
  private static void pass(Duration time) {
    await()
        .pollDelay(time)
        .pollInterval(Duration.ofMillis(1))
        .atMost(time.plusSeconds(60))
        .until(() -> true);
    assertThat(time, is(lessThan(Duration.ofSeconds(60))));
  }
}
