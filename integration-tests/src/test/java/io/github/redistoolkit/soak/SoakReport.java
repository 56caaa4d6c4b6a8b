package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What came out of a round.
 *
 * @param summary a line
 * @param violations what is needed to look into each: the seed, the time, the events around
 */
record SoakReport(String summary, List<String> violations) {

  private static final int SHOWN = 5;
  private static final long AROUND = Duration.ofSeconds(5).toNanos();
  private static final long FAULTS_AROUND = Duration.ofSeconds(15).toNanos();

  static SoakReport of(long seed, long begin, Topology topology, Recorder recorder) {
    History history = recorder.history();
    Losses losses = Losses.of(history);
    List<String> violations = new ArrayList<>();
    Checks.on(topology)
        .forEach(
            (guarantee, check) -> {
              List<Violation> found = check.violations(history, losses);
              found.stream()
                  .limit(SHOWN)
                  .map(violation -> text(seed, begin, guarantee, violation, history))
                  .forEach(violations::add);
              if (found.size() > SHOWN) {
                violations.add((found.size() - SHOWN) + " more of " + guarantee);
              }
            });
    Map<String, Long> faults =
        history.events(Faults.FAULT).stream()
            .collect(
                Collectors.groupingBy(
                    fault -> fault.subject().replaceAll("[ ,]+(to|of [^a]|then|[0-9]).*", ""),
                    TreeMap::new,
                    Collectors.counting()));
    String summary =
        String.format(
            Locale.ROOT,
            "soak of %s, seed %d: %d s, %d calls, %d of them failed, %d events, faults %s,"
                + " losses %d, violations %d",
            topology,
            seed,
            Duration.ofNanos(System.nanoTime() - begin).toSeconds(),
            recorder.calls(),
            recorder.failures(),
            history.lines().size(),
            faults,
            losses.times().size(),
            violations.size());
    return new SoakReport(summary, violations);
  }

  private static String text(
      long seed, long begin, String guarantee, Violation violation, History history) {
    StringBuilder text = new StringBuilder();
    text.append("VIOLATED ").append(guarantee).append(", seed ").append(seed);
    text.append(", at ").append(seconds(violation.nanos() - begin)).append('\n');
    text.append("  ").append(violation.subject()).append(": ").append(violation.text());
    Stream<Event> all =
        Stream.of(
                LeaseActor.HELD,
                LeaseActor.GRANTED,
                LeaseActor.PERMIT,
                LeaseActor.READING,
                LeaseActor.WRITING,
                RateActor.WINDOWS,
                RateActor.BUCKET,
                RateActor.AHEAD,
                WithinLimit.LATE_REFUND,
                EffectOnce.EFFECT,
                EffectOnce.KEPT,
                EffectOnce.REPLAYED,
                NotStale.WRITTEN,
                CacheActor.READ,
                CacheActor.READ_NEAR,
                NothingLost.ADDED,
                DurableActor.ONE,
                DurableActor.TWO,
                GapTold.PUBLISHED,
                GapTold.HEARD)
            .flatMap(kind -> history.events(kind).stream())
            .filter(event -> event.subject().equals(violation.subject()))
            .filter(event -> isAround(event, violation, AROUND))
            .sorted(Comparator.comparingLong(event -> distance(event, violation)))
            .limit(40);
    Stream<Event> disturbances =
        Stream.of(Faults.FAULT, Losses.KIND, GapTold.GAP)
            .flatMap(kind -> history.events(kind).stream())
            .filter(event -> isAround(event, violation, FAULTS_AROUND));
    Stream<Event> end =
        history.events(DurableActor.STATE).stream()
            .filter(event -> event.subject().equals(violation.subject()));
    Stream.of(all, disturbances, end)
        .flatMap(events -> events)
        .sorted(Events.BY_SENT)
        .map(event -> line(event, begin))
        .forEach(text::append);
    return text.toString();
  }

  private static long distance(Event event, Violation violation) {
    return Math.min(
        Math.abs(event.sentNanos() - violation.nanos()),
        Math.abs(event.receivedNanos() - violation.nanos()));
  }

  private static boolean isAround(Event event, Violation violation, long nanos) {
    return event.sentNanos() - violation.nanos() < nanos
        && violation.nanos() - event.receivedNanos() < nanos;
  }

  private static String line(Event event, long begin) {
    return String.format(
        Locale.ROOT,
        "%n    %s to %s  %s %s %s",
        seconds(event.sentNanos() - begin),
        seconds(event.receivedNanos() - begin),
        event.kind(),
        event.subject(),
        event.value());
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
  }
}
