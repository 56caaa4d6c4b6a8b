package io.github.redistoolkit.pubsub;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import redis.clients.jedis.Protocol.Command;

/**
 * One subscription as Redis sees it, however many handlers share it. All but {@link #handlers} is
 * guarded by the lock of the {@link Subscriber}.
 */
final class Topic {

  /** Channels and patterns are apart in Redis. */
  enum Kind {
    CHANNEL(Command.SUBSCRIBE, Command.UNSUBSCRIBE),
    PATTERN(Command.PSUBSCRIBE, Command.PUNSUBSCRIBE);

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

  final Kind kind;
  final String name;
  final byte[] rawName;
  Status status = Status.UNSENT;

  /** Set at a refusal, until the next confirmation: a refusal is reported once. */
  boolean refusalReported;

  private volatile List<Delivery<?>> handlers = List.of();

  Topic(Kind kind, String name) {
    this.kind = kind;
    this.name = name;
    this.rawName = name.getBytes(StandardCharsets.UTF_8);
  }

  boolean isNamed(Object raw) {
    return raw instanceof byte[] bytes && Arrays.equals(bytes, rawName);
  }

  /** An immutable snapshot, safe to read without the lock. */
  List<Delivery<?>> handlers() {
    return handlers;
  }

  void add(Delivery<?> delivery) {
    Delivery<?>[] grown = handlers.toArray(new Delivery<?>[handlers.size() + 1]);
    grown[grown.length - 1] = delivery;
    handlers = List.of(grown);
  }

  /** Removes a handler; false if it is not here. */
  @CanIgnoreReturnValue
  boolean remove(Delivery<?> delivery) {
    List<Delivery<?>> before = handlers;
    handlers = before.stream().filter(other -> other != delivery).toList();
    return handlers.size() < before.size();
  }
}
