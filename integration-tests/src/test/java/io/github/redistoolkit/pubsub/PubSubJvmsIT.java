package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Subscribers in several JVMs, some of which die or stand still. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class PubSubJvmsIT extends PubSubSuite {

  /** How many messages follow each other without a break. */
  private static final int SOME = 100;

  private int published;

  /** What the JVM has said that is paused. */
  private final List<String> said = new ArrayList<>();

  PubSubJvmsIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void twoJvmsReceiveAllInOrderAndOneThatIsKilledLeavesNoSubscriptionAndTheOtherMissesNothing()
      throws Exception {
    try (ChildJvms jvms = listening(2, Duration.ofSeconds(5))) {
      jvms.go();
      ChildJvm killed = jvms.get(0);
      ChildJvm other = jvms.get(1);
      assertThat(wire.subscribers(channel), is(2L));
      publishSome();
      assertThat(linesToTheLast(killed), is(numbers(0, published)));
      assertThat(linesToTheLast(other), is(numbers(0, published)));
      int before = published;
      publishSome();
      killed.kill();
      publishSome();
      Wire.await("no subscription of the killed").until(() -> wire.subscribers(channel) == 1);
      publishSome();
      assertThat(linesToTheLast(other), is(numbers(before, published)));
    }
  }

  @Test
  void aJvmThatStoodStillGoesOnInOrderOrReportsItsGap() throws Exception {
    Duration heartbeat = Duration.ofMillis(400);
    try (ChildJvms jvms = listening(1, heartbeat)) {
      jvms.go();
      ChildJvm child = jvms.get(0);
      publishSome();
      child.pause();
      publishSome();
      pass(heartbeat.multipliedBy(3));
      publishSome();
      assertStandsStillSince(child, SOME);
      child.resume();
      publishUntilReceived(child);
      assertInOrderAndNothingMissedInSilence(child);
    }
  }

  @Test
  void aJvmWhoseConnectionEndedWhileItStoodStillReportsTheGap() throws Exception {
    try (ChildJvms jvms = listening(1, Duration.ofSeconds(5))) {
      jvms.go();
      ChildJvm child = jvms.get(0);
      publishSome();
      child.pause();
      publishSome();
      wire.closeConnections();
      Wire.await("nobody subscribed").until(() -> wire.subscribers(channel) == 0);
      publishSome();
      assertStandsStillSince(child, SOME);
      child.resume();
      publishUntilReceived(child);
      assertInOrderAndNothingMissedInSilence(child);
      assertThat("missed what nobody was subscribed to", missing(), hasItem(2 * SOME));
    }
  }

  private ChildJvms listening(int count, Duration heartbeat) {
    return ChildJvms.start(
        redis, count, ListeningChild.class, ListeningChild.arguments(channel, heartbeat));
  }

  private void publishSome() {
    Publisher.publish(redis, channel, numbers(published, published + SOME).toArray(String[]::new));
    published += SOME;
  }

  private static List<String> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(String::valueOf).toList();
  }

  /** All that a JVM says until it has received what was published last. */
  private List<String> linesToTheLast(ChildJvm child) throws InterruptedException {
    String last = String.valueOf(published - 1);
    List<String> lines = new ArrayList<>();
    do {
      lines.add(child.receive());
    } while (!lines.contains(last));
    return lines;
  }

  private void assertStandsStillSince(ChildJvm child, int first) {
    said.addAll(child.linesSoFar());
    assertThat(received(), everyItem(is(lessThan(first))));
  }

  /** Publishes one by one, since a JVM that is still cut off receives none, until one arrives. */
  private void publishUntilReceived(ChildJvm child) {
    int before = published;
    Wire.await("received again")
        .until(
            () -> {
              Publisher.publish(redis, channel, String.valueOf(published));
              published++;
              said.addAll(child.linesSoFar());
              return received().stream().anyMatch(number -> number >= before);
            });
    Wire.await("received the last")
        .until(
            () -> {
              said.addAll(child.linesSoFar());
              return received().contains(published - 1);
            });
  }

  private void assertInOrderAndNothingMissedInSilence(ChildJvm child) {
    // In a Cluster a message may come again after a reconnection.
    List<Integer> firstTimes = received().stream().distinct().toList();
    assertThat(firstTimes, is(firstTimes.stream().sorted().toList()));
    if (said.contains(ListeningChild.LOST) || !missing().isEmpty()) {
      Wire.await("the gap is reported")
          .until(
              () -> {
                said.addAll(child.linesSoFar());
                return said;
              },
              hasItems(ListeningChild.LOST, ListeningChild.BACK));
    } else {
      assertThat(said, is(numbers(0, published)));
    }
  }

  private List<Integer> missing() {
    List<Integer> received = received();
    return IntStream.range(0, published).boxed().filter(n -> !received.contains(n)).toList();
  }

  private List<Integer> received() {
    return said.stream()
        .filter(line -> !line.equals(ListeningChild.LOST) && !line.equals(ListeningChild.BACK))
        .map(Integer::valueOf)
        .toList();
  }
}
