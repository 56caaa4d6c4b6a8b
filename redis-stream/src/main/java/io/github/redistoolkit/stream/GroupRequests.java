package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Renewals;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What one consumer of a group says to Redis: over the connections that all renewals of the toolkit
 * share, so that it neither takes one of the pool nor waits for a read. Each request is sent again
 * until it is answered. Thread-safe.
 */
final class GroupRequests<T> {

  static final long LEAVE_MILLIS = 1_000;

  private static final int LARGEST_ACK = 500;

  /** For how long something is sent again, ten times, before it is begun anew. */
  private static final long LONGEST_SEND_MILLIS = 10_000;

  private final GroupConsumer<T> consumer;
  private final Settings<T> settings;
  private final Renewals renewals;
  private final Acks mainAcks = new Acks(false);
  private final Acks againAcks = new Acks(true);

  GroupRequests(GroupConsumer<T> consumer) {
    this.consumer = consumer;
    this.settings = consumer.settings;
    this.renewals = Renewals.of(settings.redis());
  }

  /**
   * Sends something now, and again until it is answered.
   *
   * @param over what to do if it was not within a lease, or ten seconds
   */
  private void send(
      Supplier<Renewable.@Nullable Request> request,
      BiConsumer<@Nullable Object, Long> answered,
      Runnable over) {
    long millis = Math.min(settings.lease().toMillis(), LONGEST_SEND_MILLIS);
    renewals.send(
        consumer.mainKey, millis, new OneRequest(settings.reports(), request, answered, over));
  }

  private static Renewable.Request request(LuaScript script, List<String> keys, List<String> args) {
    return new Renewable.Request(script, keys, args);
  }

  private String key(boolean again) {
    return again ? consumer.againKey : consumer.mainKey;
  }

  /** Has an entry acknowledged with the next that are. Under the lock of the consumer. */
  void add(Held each) {
    (each.place.again() ? againAcks : mainAcks).waiting.add(each);
  }

  /**
   * How many entries of the topic itself are to be acknowledged. Under the lock of the consumer.
   */
  int waiting() {
    return mainAcks.waiting.size();
  }

  /**
   * Takes those, to be acknowledged otherwise, or {@linkplain #putBack put back}. Under the lock of
   * the consumer.
   */
  List<Held> take() {
    List<Held> taken = List.copyOf(mainAcks.waiting);
    mainAcks.waiting.clear();
    return taken;
  }

  void putBack(List<Held> taken) {
    consumer.life.change(() -> mainAcks.waiting.addAll(0, taken));
    flush();
  }

  /** Acknowledges all that is to be, but for what the reader is about to acknowledge. */
  void flush() {
    if (!consumer.isReaderToAcknowledge()) {
      mainAcks.flush();
    }
    againAcks.flush();
  }

  /** The acknowledgements of one stream: one batch at a time, the rest goes with the next. */
  private final class Acks {

    private final boolean again;

    // Guarded by the lock of the consumer.
    private final List<Held> waiting = new ArrayList<>();
    private boolean underWay;

    Acks(boolean again) {
      this.again = again;
    }

    void flush() {
      List<Held> batch = consumer.life.locked(this::takeBatch);
      if (batch.isEmpty()) {
        return;
      }
      List<String> args = new ArrayList<>(List.of(consumer.group, again ? "1" : "0"));
      batch.forEach(each -> args.add(each.place.entry()));
      Renewable.Request request = request(StreamScripts.ACK, List.of(key(again)), args);
      try {
        send(() -> request, (reply, asked) -> answered(batch), () -> over(batch));
      } catch (Throwable t) { // an Error where no thread can be had
        back(batch);
        settings.reports().log.warn(t, "Acknowledgements could not be sent; trying again");
      }
    }

    private List<Held> takeBatch() {
      if (underWay || waiting.isEmpty()) {
        return List.of();
      }
      underWay = true;
      List<Held> first = waiting.subList(0, Math.min(waiting.size(), LARGEST_ACK));
      List<Held> batch = List.copyOf(first);
      first.clear();
      return batch;
    }

    private void answered(List<Held> batch) {
      consumer.acknowledged(batch, () -> underWay = false);
    }

    private void over(List<Held> batch) {
      back(batch);
      if (consumer.isActive()) {
        flush();
      }
    }

    private void back(List<Held> batch) {
      consumer.life.change(
          () -> {
            underWay = false;
            waiting.addAll(0, batch);
          });
    }
  }

  /** Begins another delivery. */
  void redeliver(Held each, int delivery) {
    Renewable.Request request =
        request(
            StreamScripts.REDELIVER,
            List.of(key(each.place.again())),
            List.of(consumer.group, consumer.name, each.place.entry(), String.valueOf(delivery)));
    send(
        () -> request,
        (reply, asked) -> consumer.redelivered(each, delivery, StreamReplies.number(reply), asked),
        () -> consumer.redeliver(each));
  }

  /** Moves an entry to the dead letters. */
  void bury(Held each, Throwable error) {
    Renewable.Request request =
        request(
            StreamScripts.BURY,
            List.of(
                key(each.place.again()),
                settings.keys().dead(consumer.group),
                settings.keys().groups()),
            List.of(
                consumer.group,
                each.place.entry(),
                each.messageId,
                String.valueOf(each.delivery),
                ErrorText.of(error),
                each.place.again() ? "1" : "0"));
    send(
        () -> request,
        (reply, asked) -> consumer.buried(each, error, StreamReplies.number(reply)),
        () -> {
          if (consumer.isActive()) {
            bury(each, error);
          }
        });
  }

  void countLost(Held each) {
    Renewable.Request request =
        request(
            StreamScripts.COUNT_LOST,
            List.of(settings.keys().groups()),
            List.of(consumer.group, each.place.entry()));
    send(
        () -> request,
        (reply, asked) -> {},
        () -> settings.reports().log.warn("A trimmed message could not be counted"));
  }

  /** Renews all leases. */
  void renew() {
    renew(false);
    renew(true);
  }

  private void renew(boolean again) {
    if (consumer.leased(again).isEmpty()) {
      return;
    }
    renewals.send(
        consumer.mainKey,
        settings.lease().dividedBy(3).toMillis(),
        new OneRequest(
            settings.reports(),
            () -> renewal(again),
            (reply, asked) -> consumer.renewed(again, reply, asked),
            () -> {}));
  }

  private Renewable.@Nullable Request renewal(boolean again) {
    List<String> leased = consumer.leased(again);
    if (leased.isEmpty()) {
      return null;
    }
    List<String> args =
        new ArrayList<>(
            List.of(consumer.group, consumer.name, String.valueOf(leased.size() + 2_000)));
    args.addAll(leased);
    return request(StreamScripts.RENEW, List.of(key(again), settings.keys().groups()), args);
  }

  /** Hands back what is left, and waits for the answer; false if there is none. */
  boolean leave(List<String> ids) {
    if (settings.redis().isClosed()) {
      return false;
    }
    List<String> args = new ArrayList<>(List.of(consumer.group, consumer.name));
    args.addAll(ids);
    Renewable.Request request =
        request(StreamScripts.LEAVE, List.of(consumer.mainKey, consumer.againKey), args);
    CompletableFuture<Boolean> answered = new CompletableFuture<>();
    try {
      renewals.send(
          consumer.mainKey,
          LEAVE_MILLIS,
          new OneRequest(
              settings.reports(),
              () -> request,
              (reply, asked) -> answered.complete(true),
              () -> answered.complete(false)));
      return answered.get(2 * LEAVE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      settings.reports().log.warn(e, "What was read could not be handed back");
    }
    return false;
  }
}
