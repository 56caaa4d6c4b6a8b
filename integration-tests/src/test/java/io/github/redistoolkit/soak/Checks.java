package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a soak holds the toolkit to. */
final class Checks {

  /** An old load may have filled it again just before the end of a loss. */
  private static final Duration STAYS = CacheActor.TTL.multipliedBy(2);

  private Checks() {}

  /** Every check by what it is called where it is told of. */
  static Map<String, Check> on(Topology topology) {
    Map<String, Check> checks = new LinkedHashMap<>();
    checks.put("one holder of a lock", new AtMostHolders(LeaseActor.HELD, 1));
    checks.put("rising tokens of a lock", new RisingTokens(LeaseActor.GRANTED));
    checks.put("permits", new AtMostHolders(LeaseActor.PERMIT, LeaseActor.PERMITS));
    checks.put("one writer", new AtMostHolders(LeaseActor.WRITING, 1));
    checks.put(
        "no reader beside a writer",
        new NobodyBesideWriter(LeaseActor.WRITING, LeaseActor.READING));
    checks.put("rising tokens of writers", new RisingTokens(LeaseActor.WRITE_GRANTED));
    checks.put(
        "the first of several limits",
        new WithinLimit(RateActor.WINDOWS, RateActor.PER_SECOND, RateActor.SECOND));
    checks.put(
        "the second of several limits",
        new WithinLimit(RateActor.WINDOWS, RateActor.PER_LONG, RateActor.LONG));
    checks.put(
        // What it holds, and what flows in meanwhile.
        "a bucket", new WithinLimit(RateActor.BUCKET, 2 * RateActor.PER_SECOND, RateActor.SECOND));
    checks.put(
        "permits ahead",
        new WithinLimit(RateActor.AHEAD, RateActor.AHEAD_PER_SECOND, RateActor.SECOND));
    checks.put("one owner of a key", new OneOwner());
    checks.put("effect once", new EffectOnce());
    checks.put("nothing stale", new NotStale(CacheActor.READ, Duration.ZERO, STAYS));
    checks.put(
        "near copies no older than a second",
        new NotStale(CacheActor.READ_NEAR, Duration.ofSeconds(1), STAYS));
    checks.put(
        "no durable message lost", new NothingLost(List.of(DurableActor.ONE, DurableActor.TWO)));
    checks.put("gaps told", new GapTold());
    if (topology != Topology.CLUSTER) {
      // There a message may come twice around a reconnection.
      checks.put("messages in order", new InOrder(GapTold.HEARD));
    }
    checks.put("calls end", new CallsEnd(Duration.ofSeconds(45)));
    checks.put("nothing unexpected is thrown", new NothingUnexpected());
    return checks;
  }
}
