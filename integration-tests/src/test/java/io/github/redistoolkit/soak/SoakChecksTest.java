package io.github.redistoolkit.soak;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What a soak looks for is found in a history that has it, and not in one that has not. Times are
 * seconds.
 */
class SoakChecksTest {

  private final History history = new History();

  private static long nanos(double seconds) {
    return (long) (seconds * TimeUnit.SECONDS.toNanos(1));
  }

  private SoakChecksTest event(String kind, String value, double from, double to) {
    history.add(kind, "it", value, nanos(from), nanos(to));
    return this;
  }

  private SoakChecksTest loss(double from, double to) {
    return event(Losses.KIND, "failover", from, to);
  }

  private void finds(Check check, String text) {
    List<Violation> found = check.violations(history);
    assertThat(found, hasSize(1));
    assertThat(found.get(0).subject(), is("it"));
    assertThat(found.get(0).text(), containsString(text));
  }

  private void findsNothing(Check check) {
    assertThat(check.violations(history), is(empty()));
  }

  @Test
  void twoHoldersAtATime() {
    event("held", "1", 1, 2).event("held", "2", 1.9, 3);
    finds(new AtMostHolders("held", 1), "held by [1, 2]");
    findsNothing(new AtMostHolders("held", 2));
  }

  @Test
  void holdersOneAfterTheOther() {
    event("held", "2", 2, 3).event("held", "1", 1, 2);
    findsNothing(new AtMostHolders("held", 1));
  }

  @Test
  void aHolderWhomALossForgot() {
    event("held", "1", 1, 4).event("held", "2", 3, 5).loss(2, 2.5);
    findsNothing(new AtMostHolders("held", 1));
  }

  @Test
  void twoHoldersWhomALossBeforeOrAfterThemDoesNotExcuse() {
    event("held", "1", 3, 6).event("held", "2", 4, 7).loss(1, 2).loss(5, 5.5);
    finds(new AtMostHolders("held", 1), "held by [1, 2]");
  }

  @Test
  void aReaderBesideAWriter() {
    event("writing", "1", 1, 2).event("reading", "2", 1.5, 1.6).event("reading", "3", 2, 3);
    finds(new NobodyBesideWriter("writing", "reading"), "read by 2 while written by 1");
  }

  @Test
  void aReaderBesideAWriterWhomALossForgot() {
    event("reading", "1", 1, 4).event("writing", "2", 3, 5).loss(1.5, 2);
    findsNothing(new NobodyBesideWriter("writing", "reading"));
  }

  @Test
  void aTokenThatIsNotGreaterThoughALossCameBetween() {
    event("granted", "7", 1, 1.1).event("granted", "6", 3, 3.1).loss(2, 2.5);
    finds(new RisingTokens("granted"), "token 6 after 7");
  }

  @Test
  void theSameTokenTwice() {
    event("granted", "7", 1, 2).event("granted", "7", 1.5, 2);
    assertThat(
        new RisingTokens("granted").violations(history).stream().map(Violation::text).toList(),
        is(List.of("token 7 twice", "token 7 twice")));
  }

  @Test
  void tokensOfAcquisitionsThatMayHaveBeenInEitherOrder() {
    event("granted", "7", 1, 2).event("granted", "6", 1.5, 1.6).event("granted", "8", 3, 4);
    findsNothing(new RisingTokens("granted"));
  }

  @Test
  void moreInAWindowThanTheLimit() {
    // As around the border of two fixed windows.
    event("grant", "3", 0.9, 0.91).event("grant", "3", 1.1, 1.11);
    finds(new WithinLimit("grant", 3, Duration.ofSeconds(1)), "6 permits within PT1S");
    findsNothing(new WithinLimit("grant", 6, Duration.ofSeconds(1)));
  }

  @Test
  void grantsThatMayHaveBeenAWindowApart() {
    event("grant", "3", 0, 1.1).event("grant", "3", 0.5, 1.05);
    findsNothing(new WithinLimit("grant", 3, Duration.ofSeconds(1)));
  }

  @Test
  void oneMoreLimitAfterALossAndNoMore() {
    event("grant", "3", 1, 1.01).loss(1.2, 1.3).event("grant", "3", 1.4, 1.41);
    findsNothing(new WithinLimit("grant", 3, Duration.ofSeconds(1)));
    event("grant", "1", 1.05, 1.06);
    finds(new WithinLimit("grant", 3, Duration.ofSeconds(1)), "7 permits");
  }

  @Test
  void whatALateRefundFreedAndNoMore() {
    event(WithinLimit.LATE_REFUND, "2", 0, 5).event("grant", "5", 1, 1.1);
    findsNothing(new WithinLimit("grant", 3, Duration.ofSeconds(1)));
    event("grant", "1", 1.2, 1.3);
    finds(new WithinLimit("grant", 3, Duration.ofSeconds(1)), "6 permits");
  }

  @Test
  void aSecondEffectOfWhichNobodyWasTold() {
    event(EffectOnce.EFFECT, "1 a", 1, 2).event(EffectOnce.EFFECT, "1 b", 3, 4);
    finds(new EffectOnce(), "attempt 1 b after attempt 1 a");
  }

  @Test
  void aSecondEffectAfterAnOwnerThatVanished() {
    event(EffectOnce.EFFECT, "1 a", 1, 2).event(EffectOnce.EFFECT, "2 b", 3, 4);
    event(EffectOnce.KEPT, "b", 2.5, 4.5).event(EffectOnce.REPLAYED, "b", 5, 6);
    findsNothing(new EffectOnce());
  }

  @Test
  void anEffectAfterAResultWasKept() {
    event(EffectOnce.EFFECT, "1 a", 1, 2).event(EffectOnce.KEPT, "a", 0.5, 2.5);
    event(EffectOnce.EFFECT, "2 b", 3, 4);
    finds(new EffectOnce(), "effect 2 b after a was kept");
    loss(2.6, 2.8);
    findsNothing(new EffectOnce());
  }

  @Test
  void anotherResultThanTheOneThatWasKept() {
    event(EffectOnce.EFFECT, "1 a", 1, 2).event(EffectOnce.KEPT, "a", 0.5, 2.5);
    event(EffectOnce.REPLAYED, "b", 3, 4);
    finds(new EffectOnce(), "results a and b");
  }

  @Test
  void twoOwners() {
    event(OneOwner.OWNED, "a", 1, 3).event(OneOwner.OWNED, "b", 2, 4);
    finds(new OneOwner(), "owned by a and b");
    loss(1.5, 1.6);
    findsNothing(new OneOwner());
  }

  @Test
  void aVersionOlderThanWhatWasWritten() {
    event(NotStale.WRITTEN, "2", 1, 2).event("read", "1", 2.1, 2.2).event("read", "2", 2.1, 3);
    NotStale check = new NotStale("read", Duration.ZERO, Duration.ofSeconds(1));
    finds(check, "version 1 was read 100 ms after version 2");
    findsNothing(new NotStale("read", Duration.ofMillis(200), Duration.ofSeconds(1)));
  }

  @Test
  void anOlderVersionReadWhileItIsWritten() {
    event(NotStale.WRITTEN, "1", 0, 0.5).event(NotStale.WRITTEN, "2", 1, 2);
    event("read", "1", 1.9, 3);
    findsNothing(new NotStale("read", Duration.ZERO, Duration.ofSeconds(1)));
  }

  @Test
  void anOldEntryThatALossBroughtBackForAsLongAsEntriesStay() {
    event(NotStale.WRITTEN, "2", 1, 2).loss(1.5, 3);
    event("read", "1", 3.5, 3.6);
    NotStale check = new NotStale("read", Duration.ZERO, Duration.ofSeconds(1));
    findsNothing(check);
    event("read", "1", 60, 61);
    finds(check, "version 1 was read");
  }

  @Test
  void aMessageThatAGroupNeverHandled() {
    event(NothingLost.ADDED, "m", 1, 2).event("one", "m", 3, 3);
    findsNothing(new NothingLost(List.of("one")));
    finds(new NothingLost(List.of("one", "two")), "m was never two");
    loss(4.9, 5);
    findsNothing(new NothingLost(List.of("one", "two")));
  }

  @Test
  void aMessageThatWasReplicatedLongBeforeALoss() {
    event(NothingLost.ADDED, "m", 1, 2).loss(20, 21);
    finds(new NothingLost(List.of("one")), "m was never one");
  }

  @Test
  void aMessageLostOutsideOfAGap() {
    event(GapTold.PUBLISHED, "1", 1, 1.1).event(GapTold.PUBLISHED, "2", 5, 5.1);
    event(GapTold.PUBLISHED, "3", 9, 9.1).event(GapTold.HEARD, "1", 1.2, 1.2);
    event(GapTold.GAP, "", 8.5, 10);
    finds(new GapTold(), "2 was lost");
  }

  @Test
  void messagesThatOvertake() {
    event("heard", "1", 1, 1).event("heard", "3", 2, 2).event("heard", "2", 3, 3);
    finds(new InOrder("heard"), "2 came after 3");
  }

  @Test
  void aMessageThatComesTwice() {
    event("heard", "1", 1, 1).event("heard", "1", 2, 2);
    finds(new InOrder("heard"), "1 came after 1");
  }

  @Test
  void aCallThatDoesNotEnd() {
    event(CallsEnd.CALL, "", 1, 3);
    finds(new CallsEnd(Duration.ofSeconds(1)), "took 2000 ms");
    findsNothing(new CallsEnd(Duration.ofSeconds(2)));
  }

  @Test
  void anExceptionThatIsNotDocumented() throws Exception {
    Recorder recorder = new Recorder();
    recorder.call(
        "it",
        () -> {
          throw new IllegalStateException("what is this");
        });
    List<Violation> found = new NothingUnexpected().violations(recorder.history());
    assertThat(found, hasSize(1));
    assertThat(found.get(0).text(), containsString("what is this"));
  }

  @Test
  void aReportHasTheSeedTheTimeAndWhatHappenedAround() {
    Recorder recorder = new Recorder();
    recorder.add(LeaseActor.HELD, "it", "1", nanos(1), nanos(2));
    recorder.add(LeaseActor.HELD, "it", "2", nanos(1.5), nanos(2));
    recorder.add(LeaseActor.HELD, "another", "3", nanos(1.5), nanos(2));
    recorder.add(Faults.FAULT, "cut", "", nanos(1.2), nanos(1.3));
    SoakReport report = SoakReport.of(42, 0, Topology.STANDALONE, recorder);
    assertThat(report.violations(), hasSize(1));
    String violation = report.violations().get(0);
    assertThat(violation, containsString("VIOLATED one holder of a lock, seed 42, at 1.500 s"));
    assertThat(violation, containsString("1.000 s to 2.000 s  held it 1"));
    assertThat(violation, containsString("1.200 s to 1.300 s  fault cut"));
    assertThat(violation, not(containsString("another")));
    assertThat(List.of(report.summary()), everyItem(containsString("seed 42")));
  }
}
