package io.github.redistoolkit.pubsub;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Protocol.Command;

/**
 * One subscription as Redis sees it, however many handlers share it. All but {@link #handlers} is
 * guarded by the lock of the {@link Link} that it is on.
 */
final class Topic {

  /** These are apart in Redis. */
  enum Kind {
    CHANNEL(Command.SUBSCRIBE, Command.UNSUBSCRIBE),
    PATTERN(Command.PSUBSCRIBE, Command.PUNSUBSCRIBE),
    SHARDED(Command.SSUBSCRIBE, Command.SUNSUBSCRIBE);

    final Command subscribe;
    final Command unsubscribe;

    Kind(Command subscribe, Command unsubscribe) {
      this.subscribe = subscribe;
      this.unsubscribe = unsubscribe;
    }
  }

  /** Where a topic stands on the connection of the moment. */
  enum Status {
    UNSENT,
    SENT,
    CONFIRMED,
    REFUSED
  }

  /**
   * One who is to get the messages.
   *
   * @param confirmation completed when Redis has confirmed; failed when it refuses before
   */
  record Handler(Delivery<?> delivery, CompletableFuture<@Nullable Void> confirmation) {}

  final Kind kind;
  final String name;
  final byte[] rawName;
  Status status = Status.UNSENT;

  /** Since when messages may have been lost; null once that was reported, and at first. */
  @Nullable Long lostSinceNanos;

  /** Set at a refusal, until the next confirmation: a refusal is reported once. */
  boolean refusalReported;

  private volatile List<Handler> handlers = List.of();

  Topic(Kind kind, String name) {
    this.kind = kind;
    this.name = name;
    this.rawName = name.getBytes(StandardCharsets.UTF_8);
  }

  boolean isNamed(@Nullable Object raw) {
    return raw instanceof byte[] bytes && Arrays.equals(bytes, rawName);
  }

  /** An immutable snapshot, safe to read without the lock. */
  List<Handler> handlers() {
    return handlers;
  }

  Handler add(Delivery<?> delivery) {
    Handler handler = new Handler(delivery, new CompletableFuture<>());
    List<Handler> grown = new ArrayList<>(handlers);
    grown.add(handler);
    handlers = List.copyOf(grown);
    return handler;
  }

  /** Removes a handler; false if it is not here. */
  boolean remove(Delivery<?> delivery) {
    List<Handler> before = handlers;
    handlers = before.stream().filter(other -> other.delivery() != delivery).toList();
    return handlers.size() < before.size();
  }
}
