package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProbeTest {

  private static final long SECOND = 1_000_000_000;

  private final Probe probe =
      new Probe(
          new Settings(
              new Payloads(Json.standard()),
              Runnable::run,
              Duration.ofSeconds(5),
              Duration.ofSeconds(10),
              Duration.ofSeconds(5),
              1,
              Overflow.BLOCK,
              new PubSubListener() {},
              Ticker.system()),
          EventLog.of(ProbeTest.class));

  private boolean startAt(long second) {
    return probe.start(second * SECOND);
  }

  private void publishedAt(long second) {
    probe.published(true, second * SECOND);
  }

  private void arrived(int number) {
    probe.arrived(String.valueOf(number).getBytes(UTF_8));
  }

  private boolean isLostAt(long second) {
    return probe.isLost(second * SECOND);
  }

  @Test
  void isSentOnceItsChannelIsConfirmedAndOneAtATime() {
    assertThat(startAt(0), is(false));
    probe.confirmed();
    assertThat(startAt(0), is(true));
    assertThat(startAt(1), is(false));
    arrived(1);
    assertThat(startAt(2), is(true));
  }

  @Test
  void isLostOnceAPingWasAnsweredThatWasSentLongAfterIt() {
    probe.confirmed();
    assertThat(startAt(0), is(true));
    assertThat("not known to be published", isLostAt(1000), is(false));
    publishedAt(1);
    assertThat(isLostAt(10), is(false));
    assertThat(isLostAt(11), is(true));
    arrived(1);
    assertThat(isLostAt(1000), is(false));
  }

  @Test
  void saysNothingIfItCouldNotBePublished() {
    probe.confirmed();
    assertThat(startAt(0), is(true));
    probe.published(false, SECOND);
    assertThat(isLostAt(1000), is(false));
    assertThat(startAt(5), is(true));
  }

  @Test
  void whatHasComeIsKnownUpToTheLastThatArrivedUnlessThatIsLongAgo() {
    probe.begin(2 * SECOND);
    probe.confirmed();
    assertThat(probe.goodUntilNanos(7 * SECOND, 8 * SECOND), is(2 * SECOND));
    assertThat(startAt(3), is(true));
    arrived(1);
    assertThat(probe.goodUntilNanos(7 * SECOND, 8 * SECOND), is(3 * SECOND));
    assertThat(probe.goodUntilNanos(2 * SECOND, 8 * SECOND), is(2 * SECOND));
    assertThat(probe.goodUntilNanos(100 * SECOND, 101 * SECOND), is(100 * SECOND));
  }

  @Test
  void onceOneIsLostItMattersHoweverLongAgoTheLastArrived() {
    probe.begin(0);
    probe.confirmed();
    assertThat(startAt(3), is(true));
    publishedAt(4);
    assertThat(isLostAt(100), is(true));
    assertThat(probe.goodUntilNanos(100 * SECOND, 101 * SECOND), is(0L));
  }

  @Test
  void onlyTheOneThatIsOnItsWayArrives() {
    probe.confirmed();
    assertThat(startAt(0), is(true));
    publishedAt(1);
    arrived(2);
    assertThat(startAt(2), is(false));
    assertThat(isLostAt(11), is(true));
    arrived(1);
    assertThat(startAt(12), is(true));
    arrived(1);
    assertThat("that was the one before", startAt(13), is(false));
  }

  @Test
  void whatArrivesBeforeItsPublisherKnowsIsNotLost() {
    probe.begin(0);
    probe.confirmed();
    assertThat(startAt(1), is(true));
    arrived(1);
    publishedAt(2);
    assertThat(isLostAt(1000), is(false));
    assertThat(probe.goodUntilNanos(3 * SECOND, 3 * SECOND), is(SECOND));
  }

  @Test
  void aNewConnectionBeginsAnew() {
    probe.begin(0);
    probe.confirmed();
    assertThat(startAt(0), is(true));
    publishedAt(1);
    assertThat(isLostAt(11), is(true));
    probe.begin(20 * SECOND);
    assertThat(isLostAt(1000), is(false));
    assertThat("its channel is not confirmed there", startAt(21), is(false));
    probe.confirmed();
    assertThat(startAt(21), is(true));
    assertThat(probe.goodUntilNanos(30 * SECOND, 30 * SECOND), is(20 * SECOND));
  }

  @Test
  void whatCouldNotBePublishedLeavesOnlyTheConnectionToSayWhatHasCome() {
    probe.begin(0);
    probe.confirmed();
    assertThat(startAt(1), is(true));
    probe.published(false, 2 * SECOND);
    assertThat(probe.goodUntilNanos(3 * SECOND, 3 * SECOND), is(3 * SECOND));
  }

  @Test
  void theLastThatArrivedSaysSomethingUntilTheNextWouldHaveArrivedOrBeenLost() {
    probe.begin(0);
    long valid = 10 * SECOND + 2 * 5 * SECOND;
    assertThat(probe.goodUntilNanos(19 * SECOND, valid), is(0L));
    assertThat(probe.goodUntilNanos(19 * SECOND, valid + 1), is(19 * SECOND));
  }

  @Test
  void isSentWithEachHeartbeatButAtMostOnceASecond() {
    assertThat(Probe.period(Duration.ofSeconds(5)), is(Duration.ofSeconds(5)));
    assertThat(Probe.period(Duration.ofMillis(10)), is(Duration.ofSeconds(1)));
  }
}
