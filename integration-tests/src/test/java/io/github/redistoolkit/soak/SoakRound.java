package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.LeakGuard;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/**
 * One round of a soak: everything is used by many while it is disturbed, then all is healed, what
 * is under way comes to its end, and the history is checked. Its seed alone decides what is done.
 */
final class SoakRound {

  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int CHILDREN = 2;

  private final PrivateRedis servers;
  private final TestRedis direct;
  private final TestRedis faulty;
  private final FaultProxy proxy;
  private final long seed;
  private final SoakNames names;
  private final Recorder recorder = new Recorder();
  private final CacheActor.Database database = new CacheActor.Database();
  private final List<AutoCloseable> open = new ArrayList<>();
  private DurableActor.Consumer consumer = DurableActor.Consumer.NONE;
  private long begin;

  SoakRound(PrivateRedis servers, TestRedis direct, TestRedis faulty, FaultProxy proxy, long seed) {
    this.servers = servers;
    this.direct = direct;
    this.faulty = faulty;
    this.proxy = proxy;
    this.seed = seed;
    this.names = new SoakNames(direct.unique("round").replace(':', '-'));
  }

  /** Runs it for so long, and returns what was violated. */
  SoakReport run(Duration time) throws Exception {
    begin = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    Faults faults = new Faults(servers, proxy, List.of(direct, faulty), names.keys(), recorder);
    Crowd watching = new Crowd(recorder);
    watching.start("watch", 0, 0, unused -> faults.watch());
    ChildJvms children =
        ChildJvms.start(
            servers.redis(),
            CHILDREN,
            SoakChild.class,
            names.round(),
            String.valueOf(random.nextLong()));
    try (children) {
      Crowd actors = new Crowd(recorder);
      PubSubActor pubSub = startActors(actors, random);
      children.go();
      Crowd disturbing = new Crowd(recorder);
      disturbing.start("network", random.nextLong(), 2000, faults::disturbNetwork);
      disturbing.start("servers", random.nextLong(), 6000, faults::disturbServers);
      disturbJvms(children, new SplittableRandom(random.nextLong()), time);
      disturbing.stop(PATIENCE.multipliedBy(2));
      proxy.heal();
      faults.awaitSettled();
      actors.stop(PATIENCE);
      finish(children.get(0));
      awaitDrained(pubSub);
    } finally {
      proxy.heal();
      watching.interrupt();
      watching.stop(PATIENCE);
      close();
    }
    lookForLeaks();
    return SoakReport.of(seed, begin, servers.redis().topology(), recorder);
  }

  private PubSubActor startActors(Crowd actors, SplittableRandom random) throws Exception {
    Access straight = Access.to("direct", direct);
    Access disturbed = Access.to("through the proxy", faulty);
    List<Access> ways = new ArrayList<>(List.of(straight, disturbed, disturbed));
    if (direct.topology() != Topology.CLUSTER) {
      ways.add(disturbed.coalesced());
    }
    for (int i = 0; i < 4; i++) {
      Actor leases = new LeaseActor(one(ways, random), names.leases(), recorder);
      start(actors, "lease-" + i, random, 20, leases);
    }
    for (int i = 0; i < 2; i++) {
      Actor rate = new RateActor(one(ways, random), names.id(), recorder);
      start(actors, "rate-" + i, random, 30, rate);
      Actor once = new OnceActor(one(ways, random), names.requests(), "parent-" + i, recorder);
      start(actors, "once-" + i, random, 20, once);
    }
    for (int i = 0; i < 4; i++) {
      CacheActor.Near near = i % 2 == 0 ? CacheActor.Near.NONE : CacheActor.Near.COPIES;
      // In one JVM there is a cache that is disturbed beside one that is not.
      Access way = i < 2 ? straight : one(ways, random);
      Actor cache = new CacheActor(way, names.cache(), near, database, recorder);
      start(actors, "cache-" + i, random, 15, cache);
      Actor second = new Sharing(cache);
      start(actors, "cache-" + i + "-too", random, 15, second);
    }
    start(
        actors,
        "durable",
        random,
        40,
        new DurableActor(one(ways, random), names.topic(), recorder));
    consumer = DurableActor.consume(one(ways, random), names.topic(), recorder);
    open.add(consumer);
    PubSubActor pubSub = new PubSubActor(straight, disturbed, names.channel(), recorder);
    start(actors, "pubsub", random, 30, pubSub);
    return pubSub;
  }

  /** Another thread with the same cache, which the first closes. */
  private record Sharing(Actor actor) implements Actor {
    @Override
    public void act(SplittableRandom random) throws InterruptedException {
      actor.act(random);
    }
  }

  private void start(Crowd actors, String name, SplittableRandom random, int pause, Actor actor) {
    open.add(actor);
    actors.start(name, random.nextLong(), pause, actor::act);
  }

  private static Access one(List<Access> ways, SplittableRandom random) {
    return ways.get(random.nextInt(ways.size()));
  }

  /** Stops one child where it is now and then, and kills the other at some time. */
  private void disturbJvms(ChildJvms children, SplittableRandom random, Duration time)
      throws InterruptedException {
    long killAt = random.nextLong(time.toNanos());
    long start = System.nanoTime();
    while (System.nanoTime() - start < time.toNanos()) {
      TimeUnit.MILLISECONDS.sleep(random.nextInt(500, 3000));
      ChildJvm killed = children.get(1);
      if (killed.isAlive() && System.nanoTime() - start > killAt) {
        kill(killed);
      }
      if (random.nextInt(3) == 0) {
        stopAndResume(children.get(0), random.nextInt(100, 5000));
      }
      collect(children.get(0));
      collect(killed);
    }
    if (children.get(1).isAlive()) {
      kill(children.get(1));
    }
  }

  private void kill(ChildJvm child) throws InterruptedException {
    long from = System.nanoTime();
    child.kill();
    recorder.add(Faults.FAULT, "kill of a JVM", "", from, System.nanoTime());
    collect(child);
  }

  private void stopAndResume(ChildJvm child, int millis) throws InterruptedException {
    long from = System.nanoTime();
    child.pause();
    TimeUnit.MILLISECONDS.sleep(millis);
    child.resume();
    recorder.add(Faults.FAULT, "stop of a JVM", "", from, System.nanoTime());
  }

  private void collect(ChildJvm child) {
    recorder.history().addLines(child.linesSoFar());
  }

  private void finish(ChildJvm child) throws InterruptedException {
    child.send(SoakChild.STOP);
    try {
      recorder.history().addLines(child.finish());
    } catch (AssertionError e) {
      collect(child);
      long now = System.nanoTime();
      recorder.add(NothingUnexpected.UNEXPECTED, "child", e.toString(), now, now);
    }
  }

  /** Waits until all has come that will; what has not is a violation then. */
  private void awaitDrained(PubSubActor pubSub) throws InterruptedException {
    long start = System.nanoTime();
    while (!pubSub.arrives() && System.nanoTime() - start < PATIENCE.toNanos()) {
      TimeUnit.MILLISECONDS.sleep(100);
    }
    Check durable = Checks.on(direct.topology()).get("no durable message lost");
    if (durable == null) {
      throw new IllegalStateException("that check is called otherwise");
    }
    while (!durable.violations(recorder.history()).isEmpty()) {
      if (System.nanoTime() - start > PATIENCE.toNanos()) {
        long now = System.nanoTime();
        recorder.add(DurableActor.STATE, names.topic(), consumer.state(), now, now);
        return;
      }
      TimeUnit.MILLISECONDS.sleep(500);
    }
  }

  private void close() {
    for (AutoCloseable each : open) {
      try {
        each.close();
      } catch (Exception e) {
        long now = System.nanoTime();
        recorder.add(NothingUnexpected.UNEXPECTED, "close", e.toString(), now, now);
      }
    }
  }

  /** Threads and borrowed connections, of which none is left once everything is closed. */
  private void lookForLeaks() throws InterruptedException {
    long start = System.nanoTime();
    List<String> left = left();
    while (!left.isEmpty() && System.nanoTime() - start < PATIENCE.toNanos()) {
      TimeUnit.MILLISECONDS.sleep(100);
      left = left();
    }
    if (!left.isEmpty()) {
      recorder.add(
          NothingUnexpected.UNEXPECTED, "left behind", left.toString(), start, System.nanoTime());
    }
  }

  private List<String> left() {
    List<String> left = new ArrayList<>();
    // The proxy's own threads are there for the next round.
    LeakGuard.of(direct).threads("redis-[a-z]+-.*").workingThreads().stream()
        .filter(name -> name.startsWith("redis-"))
        .forEach(left::add);
    for (TestRedis redis : List.of(direct, faulty)) {
      if (redis.borrowed() > 0) {
        left.add(redis.borrowed() + " connections of " + redis.clientName());
      }
    }
    return left;
  }
}
