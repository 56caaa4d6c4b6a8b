package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;

class ReportsTest {

  private final Queue<Runnable> tasks = new ArrayDeque<>();
  private boolean dead;
  private final List<String> told = new ArrayList<>();
  private final List<Duration> gaps = new ArrayList<>();
  private final PubSubListener listener =
      new PubSubListener() {
        @Override
        public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
          told.add("lost " + subscriptions.size());
        }

        @Override
        public void onReconnected(List<Subscription> subscriptions, Duration gap) {
          told.add("back " + subscriptions.size());
          gaps.add(gap);
        }

        @Override
        public void onConnectFailed(Throwable cause) {
          told.add("failed " + cause.getMessage());
        }

        @Override
        public void onDropped(Subscription subscription, long count) {
          told.add("dropped " + count);
        }
      };
  private final Reports reports =
      new Reports(
          listener,
          task -> {
            if (dead) {
              throw new RejectedExecutionException("on purpose");
            }
            tasks.add(task);
          },
          Ticker.system());

  private Delivery<Integer> delivery() {
    Settings settings =
        new Settings(
            new Payloads(Json.standard()),
            task -> {},
            Duration.ofSeconds(5),
            Duration.ofSeconds(10),
            Duration.ofSeconds(5),
            1,
            Overflow.DROP_OLDEST,
            listener,
            Ticker.system());
    return new Delivery<>(
        Topic.Kind.CHANNEL,
        List.of("channel"),
        Bodies.decoder(settings.payloads(), TypeToken.get(Integer.class)),
        message -> {},
        settings,
        reports,
        closed -> {});
  }

  private void run() {
    reports.wake();
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  @Test
  void tellsOfLossesAndReturnsInOrder() {
    Delivery<?> delivery = delivery();
    reports.disconnected(this, List.of(delivery), new IllegalStateException());
    reports.reconnected(this, List.of(delivery), 1_000, 3_000);
    run();
    assertThat(told, contains("lost 1", "back 1"));
    assertThat(gaps, contains(Duration.ofNanos(2_000)));
    assertThat(delivery.stats().reconnects(), is(1L));
  }

  @Test
  void doesNotTellOfTheReturnOfWhatWasClosed() {
    Delivery<?> open = delivery();
    Delivery<?> closed = delivery();
    reports.disconnected(this, List.of(open, closed), new IllegalStateException());
    closed.close();
    reports.reconnected(this, List.of(open, closed), 0, 1);
    run();
    reports.disconnected(this, List.of(open), new IllegalStateException());
    open.close();
    reports.reconnected(this, List.of(open), 0, 1);
    run();
    assertThat(told, contains("lost 2", "back 1", "lost 1"));
  }

  @Test
  void staysBoundedOnADeadExecutorAndThenTellsOneGapForAll() {
    Delivery<?> delivery = delivery();
    dead = true;
    int losses = 10_000;
    for (int i = 0; i < losses; i++) {
      reports.disconnected(this, List.of(delivery), new IllegalStateException());
      reports.connectFailed(this, new IllegalStateException("cause " + i));
      reports.reconnected(this, List.of(delivery), i * 10L, i * 10L + 5);
    }
    dead = false;
    run();
    assertThat(told.size(), is(lessThan(2 * Reports.MANY)));
    List<String> pairs = told.stream().filter(each -> !each.startsWith("failed")).toList();
    for (int i = 0; i < pairs.size(); i++) {
      assertThat(pairs.get(i), is(i % 2 == 0 ? "lost 1" : "back 1"));
    }
    assertThat(told, hasItems("failed cause " + (losses - 1)));
    // What is told last began where it was not told any more, and has not ended before.
    int alone = gaps.size() - 1;
    assertThat(gaps.get(alone), is(Duration.ofNanos((losses - 1) * 10L + 5 - alone * 10L)));
    assertThat(delivery.stats().reconnects(), is((long) losses));
  }

  @Test
  void dropsAreOneReportHoweverLongTheExecutorIsDead() {
    Delivery<Integer> delivery = delivery();
    dead = true;
    for (int i = 0; i < 1000; i++) {
      delivery.offer("channel", new byte[1], () -> true);
      delivery.tick();
    }
    dead = false;
    run();
    assertThat(told, contains("dropped 999"));
  }

  @Test
  void aListenerThatThrowsKeepsNeitherTheNextReportNorTheNextListener() {
    PubSubListener throwing =
        new PubSubListener() {
          @Override
          public void onConnectFailed(Throwable cause) {
            throw new IllegalStateException("on purpose");
          }
        };
    Reports both = new Reports(throwing.andThen(listener), Runnable::run, Ticker.system());
    both.connectFailed(this, new IllegalStateException("1"));
    both.wake();
    both.connectFailed(this, new IllegalStateException("2"));
    both.wake();
    assertThat(told, contains("failed 1", "failed 2"));
  }
}
