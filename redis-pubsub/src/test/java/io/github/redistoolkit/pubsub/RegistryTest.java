package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.pubsub.Registry.Gap;
import io.github.redistoolkit.pubsub.Session.Request;
import io.github.redistoolkit.pubsub.Session.Verb;
import io.github.redistoolkit.pubsub.Topic.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisAccessControlException;

class RegistryTest {

  private final JedisAccessControlException noPermission =
      new JedisAccessControlException("NOPERM on purpose");
  private final Settings settings =
      new Settings(
          new Payloads(Json.standard()),
          Runnable::run,
          Duration.ofSeconds(5),
          Duration.ofSeconds(10),
          Duration.ofSeconds(5),
          1 << 20,
          Overflow.DROP_OLDEST,
          new PubSubListener() {},
          Ticker.system());
  private final Reports reports =
      new Reports(settings.listener(), settings.executor(), Ticker.system());
  private final Registry registry = new Registry();
  private final Delivery<?> first = delivery("a");
  private final Delivery<?> second = delivery("b");

  private Delivery<?> delivery(String name) {
    return new Delivery<>(
        Kind.CHANNEL,
        List.of(name),
        Bodies.decoder(settings.payloads(), TypeToken.get(String.class)),
        message -> {},
        settings,
        reports,
        closed -> {});
  }

  private CompletableFuture<Void> add(Delivery<?> delivery) {
    return registry.add(delivery, delivery.kind, delivery.topic());
  }

  private void want(Delivery<?> delivery) {
    assertThat(add(delivery).isDone(), is(false));
  }

  private Topic topic(String name) {
    return registry.find(Kind.CHANNEL, name);
  }

  @CanIgnoreReturnValue
  private List<String> outgoing() {
    return registry.takeOutgoing().stream()
        .map((Request request) -> request.verb() + " " + request.topic().name)
        .toList();
  }

  @CanIgnoreReturnValue
  private Gap confirm(Verb verb, String name) {
    return registry.confirmed(verb, topic(name));
  }

  @Test
  void itIsSettledOnceWhatWasSentIsAnsweredWhateverIsStillToBeSent() {
    registry.begin();
    want(first);
    assertThat(registry.isSettled(), is(true));
    outgoing();
    assertThat(registry.isSettled(), is(false));
    want(second);
    assertThat(registry.isSettled(), is(false));
    confirm(Verb.SUBSCRIBE, "a");
    assertThat(registry.isSettled(), is(true));
  }

  @Test
  void asksOnlyOnAConnectionAndOnlyOnceForATopic() {
    CompletableFuture<Void> before = add(first);
    assertThat(outgoing(), is(empty()));
    registry.begin();
    assertThat(outgoing(), contains("RESTORE a"));
    CompletableFuture<Void> during = add(first);
    assertThat(outgoing(), is(empty()));
    assertThat(registry.isRestored(), is(false));
    assertThat(confirm(Verb.RESTORE, "a"), is(nullValue()));
    assertThat(registry.isRestored(), is(true));
    assertThat(before.isDone() && during.isDone() && add(first).isDone(), is(true));
    assertThat(outgoing(), is(empty()));
  }

  @Test
  void tellsOfALossOnlyThoseWhoHadBeenConfirmedAndOfTheReturnWhenAllAreBack() {
    registry.begin();
    want(first);
    confirm(Verb.SUBSCRIBE, "a");
    want(second);
    outgoing();
    assertThat(registry.end(100), contains(first));
    registry.begin();
    assertThat(outgoing(), containsInAnyOrder("RESTORE a", "RESTORE b"));
    assertThat(confirm(Verb.RESTORE, "a"), is(nullValue()));
    assertThat("told already", registry.end(200), is(empty()));
    registry.begin();
    outgoing();
    assertThat(confirm(Verb.RESTORE, "a"), is(nullValue()));
    Gap gap = confirm(Verb.RESTORE, "b");
    assertThat(gap, is(new Gap(List.of(first), 100)));
    assertThat(registry.end(300), hasSize(2));
  }

  @Test
  void hasNoGapForNobody() {
    registry.begin();
    want(first);
    confirm(Verb.SUBSCRIBE, "a");
    registry.remove(first, Kind.CHANNEL, "a");
    assertThat(outgoing(), contains("SUBSCRIBE a", "UNSUBSCRIBE a"));
    assertThat(registry.end(100), is(empty()));
    registry.begin();
    want(second);
    assertThat(confirm(Verb.SUBSCRIBE, "b"), is(nullValue()));
  }

  @Test
  void aRefusalHoldsUpNobodyElseIsToldOnceAndItsGapEndsWhenItIsLifted() {
    registry.begin();
    want(first);
    confirm(Verb.SUBSCRIBE, "a");
    want(second);
    confirm(Verb.SUBSCRIBE, "b");
    assertThat(registry.end(100), hasSize(2));
    registry.begin();
    outgoing();
    List<Delivery<?>> told = new ArrayList<>();
    assertThat(registry.refused(Verb.RESTORE, topic("a"), noPermission, told), is(nullValue()));
    assertThat(confirm(Verb.RESTORE, "b"), is(new Gap(List.of(second), 100)));
    assertThat(registry.isRestored(), is(true));
    assertThat(told, contains(first));
    registry.askAgainForRefused();
    assertThat(outgoing(), contains("SUBSCRIBE a"));
    assertThat(registry.refused(Verb.SUBSCRIBE, topic("a"), noPermission, told), is(nullValue()));
    assertThat("once", told, contains(first));
    registry.askAgainForRefused();
    assertThat(confirm(Verb.SUBSCRIBE, "a"), is(new Gap(List.of(first), 100)));
  }

  @Test
  void aRefusalOfWhatWasNotConfirmedLeavesNothing() {
    registry.begin();
    CompletableFuture<Void> confirmation = add(first);
    List<Delivery<?>> told = new ArrayList<>();
    assertThat(registry.refused(Verb.SUBSCRIBE, topic("a"), noPermission, told), is(nullValue()));
    assertThat(confirmation.isCompletedExceptionally(), is(true));
    assertThat(told, is(empty()));
    assertThat(registry.isEmpty(), is(true));
  }

  @Test
  void aTopicThatMovesTakesItsHandlersAndItsGapAlong() {
    registry.begin();
    want(first);
    confirm(Verb.SUBSCRIBE, "a");
    outgoing();
    Topic moving = topic("a");
    assertThat(registry.release(moving, 100), contains(first));
    assertThat(outgoing(), contains("UNSUBSCRIBE a"));
    Registry other = new Registry();
    other.adopt(moving);
    other.begin();
    assertThat(other.confirmed(Verb.RESTORE, moving), is(new Gap(List.of(first), 100)));
  }

  @Test
  void whatRedisEndedIsAskedForAgain() {
    registry.begin();
    want(first);
    confirm(Verb.SUBSCRIBE, "a");
    outgoing();
    assertThat(registry.ended(topic("a"), 100), contains(first));
    registry.askAgainForEnded();
    assertThat(outgoing(), contains("SUBSCRIBE a"));
    assertThat(confirm(Verb.SUBSCRIBE, "a"), is(new Gap(List.of(first), 100)));
  }

  @Test
  void aTopicThatIsElsewhereIsAskedForAgainWhileThereIsAConnection() {
    want(first);
    registry.begin();
    outgoing();
    assertThat(registry.isRestored(), is(false));
    assertThat(registry.misplaced(Verb.RESTORE, topic("a")), is(nullValue()));
    assertThat(registry.isRestored(), is(true));
    registry.askAgainForEnded();
    assertThat(registry.hasOutgoing(), is(true));
    assertThat(outgoing(), contains("SUBSCRIBE a"));
    assertThat(registry.hasOutgoing(), is(false));
    registry.askAgainForEnded();
    assertThat("it is asked for already", outgoing(), is(empty()));
    assertThat(registry.end(100), is(empty()));
    assertThat(registry.isRestored(), is(false));
    registry.askAgainForEnded();
    assertThat(outgoing(), is(empty()));
  }

  @Test
  void whoComesLateIsToldOfTheGapSinceItCouldHaveBeenThere() {
    registry.begin();
    registry.addLate(first, Kind.CHANNEL, "a", 50);
    registry.addLate(second, Kind.CHANNEL, "a", 40);
    assertThat(registry.has(first, Kind.CHANNEL, "a"), is(true));
    assertThat(registry.has(second, Kind.CHANNEL, "a"), is(true));
    assertThat(registry.has(first, Kind.CHANNEL, "b"), is(false));
    assertThat(registry.has(first, Kind.PATTERN, "a"), is(false));
    assertThat(outgoing(), contains("SUBSCRIBE a"));
    assertThat(confirm(Verb.SUBSCRIBE, "a"), is(new Gap(List.of(first, second), 50)));
    registry.remove(first, Kind.CHANNEL, "a");
    assertThat(registry.has(first, Kind.CHANNEL, "a"), is(false));
    assertThat("another is there", outgoing(), is(empty()));
  }

  @Test
  void aGapBeginsWithTheFirstThatWasLostOfAllThatComeBackTogether() {
    long before = Long.MAX_VALUE;
    long after = Long.MIN_VALUE; // the clock has overflowed
    for (String late : List.of("a", "b")) {
      Registry each = new Registry();
      assertThat(each.add(first, Kind.CHANNEL, "a").isDone(), is(false));
      assertThat(each.add(second, Kind.CHANNEL, "b").isDone(), is(false));
      Topic a = each.find(Kind.CHANNEL, "a");
      Topic b = each.find(Kind.CHANNEL, "b");
      each.begin();
      assertThat(each.confirmed(Verb.RESTORE, a), is(nullValue()));
      assertThat(each.confirmed(Verb.RESTORE, b), is(nullValue()));
      assertThat(each.ended(each.find(Kind.CHANNEL, late), after), hasSize(1));
      assertThat(each.end(before), hasSize(1));
      each.begin();
      assertThat(each.confirmed(Verb.RESTORE, a), is(nullValue()));
      Gap gap = each.confirmed(Verb.RESTORE, b);
      assertThat(gap.sinceNanos(), is(before));
      assertThat(gap.deliveries(), containsInAnyOrder(first, second));
    }
  }

  @Test
  void aLossIsToldOnceUntilItIsBack() {
    registry.begin();
    want(first);
    confirm(Verb.SUBSCRIBE, "a");
    assertThat(registry.ended(topic("a"), 100), contains(first));
    assertThat(registry.ended(topic("a"), 200), is(empty()));
    assertThat(registry.end(300), is(empty()));
    registry.begin();
    assertThat(confirm(Verb.RESTORE, "a"), is(new Gap(List.of(first), 100)));
    assertThat(registry.ended(topic("a"), 400), contains(first));
  }

  @Test
  void whatAnotherConnectionHasThatNobodyWantsIsEndedThere() {
    registry.begin();
    want(first);
    want(second);
    confirm(Verb.SUBSCRIBE, "a");
    confirm(Verb.SUBSCRIBE, "b");
    List<Topic> subscribed = registry.confirmed();
    assertThat(subscribed, hasSize(2));
    registry.remove(first, Kind.CHANNEL, "a");
    outgoing();
    registry.continueWith(subscribed);
    assertThat(outgoing(), contains("UNSUBSCRIBE a"));
    assertThat(registry.confirmed(), hasSize(1));
  }

  @Test
  void aTopicThatComesFromElsewhereIsAskedForAtOnceAndIsNotThereTwice() {
    Registry other = new Registry();
    assertThat(other.add(first, Kind.CHANNEL, "a").isDone(), is(false));
    Topic moving = other.find(Kind.CHANNEL, "a");
    assertThat("it had not been confirmed", other.release(moving, 100), is(empty()));
    assertThat("nor asked for", other.hasOutgoing(), is(false));
    assertThat(other.isEmpty(), is(true));
    registry.begin();
    registry.adopt(moving);
    assertThat(outgoing(), contains("SUBSCRIBE a"));
    assertThrows(IllegalStateException.class, () -> registry.adopt(moving));
    assertThat(confirm(Verb.SUBSCRIBE, "a"), is(nullValue()));
  }

  @Test
  void aRefusalFailsWhoWaitsAndLeavesThoseWhoWereConfirmed() {
    registry.begin();
    want(first);
    confirm(Verb.SUBSCRIBE, "a");
    assertThat(registry.end(100), contains(first));
    registry.begin();
    CompletableFuture<Void> waiting = registry.add(second, Kind.CHANNEL, "a");
    List<Delivery<?>> told = new ArrayList<>();
    assertThat(registry.refused(Verb.RESTORE, topic("a"), noPermission, told), is(nullValue()));
    assertThat(waiting.isCompletedExceptionally(), is(true));
    assertThat(told, contains(first));
    assertThat(registry.has(second, Kind.CHANNEL, "a"), is(false));
    assertThat(registry.has(first, Kind.CHANNEL, "a"), is(true));
  }
}
