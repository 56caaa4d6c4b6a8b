package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.pubsub.Session.Request;
import io.github.redistoolkit.pubsub.Session.Verb;
import io.github.redistoolkit.pubsub.Topic.Handler;
import io.github.redistoolkit.pubsub.Topic.Kind;
import io.github.redistoolkit.pubsub.Topic.Status;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * What is subscribed to over one link, where each topic stands, and what is to be asked of Redis:
 * pure state, of which events go in and requests, losses and gaps come out.
 *
 * <p>Guarded by the lock of its {@link Link}, but for {@link #find}.
 */
final class Registry {

  /** Whose messages may have been lost, and since when. */
  record Gap(List<Delivery<?>> deliveries, long sinceNanos) {}

  private final Map<Kind, Map<String, Topic>> topics = new EnumMap<>(Kind.class);
  private final List<Request> outgoing = new ArrayList<>();
  private boolean connected;
  private int unrestored;

  /** Whether there may be a topic with a gap that was not reported yet. */
  private boolean anyLost;

  Registry() {
    for (Kind kind : Kind.values()) {
      topics.put(kind, new ConcurrentHashMap<>());
    }
  }

  /** The topic of a name. Safe without the lock. */
  @Nullable Topic find(Kind kind, String name) {
    return of(kind).get(name);
  }

  private Map<String, Topic> of(Kind kind) {
    return Objects.requireNonNull(topics.get(kind));
  }

  Stream<Topic> topics() {
    return topics.values().stream().flatMap(sameKind -> sameKind.values().stream());
  }

  boolean isEmpty() {
    return topics.values().stream().allMatch(Map::isEmpty);
  }

  /** Whether everything is confirmed or refused that was subscribed to before. */
  boolean isRestored() {
    return connected && unrestored == 0;
  }

  static List<Delivery<?>> deliveriesOf(Stream<Topic> topics) {
    Set<Delivery<?>> deliveries = new LinkedHashSet<>();
    topics.forEach(topic -> topic.handlers().forEach(each -> deliveries.add(each.delivery())));
    return List.copyOf(deliveries);
  }

  // What callers want.

  /** Registers a handler; what is returned completes once Redis has confirmed, perhaps at once. */
  CompletableFuture<@Nullable Void> add(Delivery<?> delivery, Kind kind, String name) {
    Topic topic = of(kind).computeIfAbsent(name, unknown -> new Topic(kind, unknown));
    Handler handler = topic.add(delivery);
    if (topic.status == Status.CONFIRMED) {
      handler.confirmation().complete(null);
    } else if (connected && topic.status != Status.SENT) {
      ask(Verb.SUBSCRIBE, topic);
    }
    return handler.confirmation();
  }

  boolean has(Delivery<?> delivery, Kind kind, String name) {
    Topic topic = of(kind).get(name);
    return topic != null
        && topic.handlers().stream().anyMatch(handler -> handler.delivery() == delivery);
  }

  /** Registers a handler whose messages may have been lost since some time. */
  void addLate(Delivery<?> delivery, Kind kind, String name, long sinceNanos) {
    CompletableFuture<@Nullable Void> unused = add(delivery, kind, name);
    Topic topic = Objects.requireNonNull(of(kind).get(name));
    if (topic.lostSinceNanos == null) {
      topic.lostSinceNanos = sinceNanos;
      anyLost = true;
    }
  }

  /** Takes in a topic that was on another link. */
  void adopt(Topic topic) {
    Topic present = of(topic.kind).putIfAbsent(topic.name, topic);
    if (present != null) {
      throw new IllegalStateException(EventLog.escape(topic.name) + " is here already");
    }
    topic.status = Status.UNSENT;
    anyLost |= topic.lostSinceNanos != null;
    if (connected) {
      ask(Verb.SUBSCRIBE, topic);
    }
  }

  /** Gives a topic away to another link; says who is to be told. */
  List<Delivery<?>> release(Topic topic, long goodUntilNanos) {
    of(topic.kind).remove(topic.name);
    endAtRedis(topic);
    return ended(topic, goodUntilNanos);
  }

  /** Forgets a handler; asks Redis to end the topic if it was the last one. */
  void remove(Delivery<?> delivery, Kind kind, String name) {
    Topic topic = of(kind).get(name);
    if (topic != null && topic.remove(delivery) && topic.handlers().isEmpty()) {
      of(kind).remove(name);
      endAtRedis(topic);
    }
  }

  private void endAtRedis(Topic topic) {
    if (topic.status == Status.SENT || topic.status == Status.CONFIRMED) {
      outgoing.add(new Request(Verb.UNSUBSCRIBE, topic));
    }
  }

  private void ask(Verb verb, Topic topic) {
    topic.status = Status.SENT;
    outgoing.add(new Request(verb, topic));
  }

  boolean hasOutgoing() {
    return !outgoing.isEmpty();
  }

  void ask(Request request) {
    outgoing.add(request);
  }

  List<Request> takeOutgoing() {
    List<Request> requests = List.copyOf(outgoing);
    outgoing.clear();
    return requests;
  }

  /** Asks again for what was refused: its permission may have been granted meanwhile. */
  void askAgainForRefused() {
    topics()
        .filter(topic -> topic.status == Status.REFUSED)
        .forEach(topic -> ask(Verb.SUBSCRIBE, topic));
  }

  /** Asks for what Redis has ended, or said to be elsewhere. */
  void askAgainForEnded() {
    if (connected) {
      topics()
          .filter(topic -> topic.status == Status.UNSENT)
          .forEach(topic -> ask(Verb.SUBSCRIBE, topic));
    }
  }

  /** Whether all that was sent is answered, but perhaps the end of a subscription. */
  boolean isSettled() {
    Set<@Nullable Topic> unsent = Collections.newSetFromMap(new IdentityHashMap<>());
    outgoing.forEach(request -> unsent.add(request.topic()));
    return topics().noneMatch(topic -> topic.status == Status.SENT && !unsent.contains(topic));
  }

  /** What is subscribed to at this moment. */
  List<Topic> confirmed() {
    return topics().filter(topic -> topic.status == Status.CONFIRMED).toList();
  }

  /** Another connection has these topics, and all that are confirmed, from now on. */
  void continueWith(Collection<Topic> subscribed) {
    subscribed.stream()
        .filter(topic -> find(topic.kind, topic.name) == null)
        .forEach(topic -> outgoing.add(new Request(Verb.UNSUBSCRIBE, topic)));
  }

  // What happens on the connection.

  /** A connection is there, and all is to be subscribed on it. */
  void begin() {
    connected = true;
    topics().forEach(topic -> ask(Verb.RESTORE, topic));
    unrestored = outgoing.size();
  }

  /**
   * The connection is gone.
   *
   * @param goodUntilNanos until when everything is known to have come
   * @return who is to be told; empty if nobody had been confirmed, or all have been told before
   */
  List<Delivery<?>> end(long goodUntilNanos) {
    List<Topic> lost =
        topics()
            .filter(topic -> topic.status == Status.CONFIRMED && topic.lostSinceNanos == null)
            .toList();
    topics().forEach(topic -> lose(topic, goodUntilNanos));
    connected = false;
    unrestored = 0;
    outgoing.clear();
    return deliveriesOf(lost.stream());
  }

  private void lose(Topic topic, long goodUntilNanos) {
    if (topic.status == Status.CONFIRMED && topic.lostSinceNanos == null) {
      topic.lostSinceNanos = goodUntilNanos;
    }
    anyLost |= topic.lostSinceNanos != null;
    topic.status = Status.UNSENT;
  }

  /** A topic is not at this node, and is to be asked for elsewhere. */
  @Nullable Gap misplaced(Verb verb, Topic topic) {
    topic.status = Status.UNSENT;
    return answered(verb);
  }

  /** Redis has ended a topic, which is at another node from now on; says who is to be told. */
  List<Delivery<?>> ended(Topic topic, long goodUntilNanos) {
    boolean told = topic.status != Status.CONFIRMED || topic.lostSinceNanos != null;
    lose(topic, goodUntilNanos);
    return told ? List.of() : deliveriesOf(Stream.of(topic));
  }

  /**
   * Redis has confirmed a topic.
   *
   * @return the gap that is over with that, if any
   */
  @Nullable Gap confirmed(Verb verb, Topic topic) {
    topic.status = Status.CONFIRMED;
    topic.refusalReported = false;
    topic.handlers().forEach(handler -> handler.confirmation().complete(null));
    return answered(verb);
  }

  /**
   * Redis refuses a topic for good, or until something is changed there. Whoever waits for it gets
   * the error.
   *
   * @param told is added who had been confirmed before, unless all have been told
   * @return the gap of others that is over with that, if any
   */
  @Nullable Gap refused(
      Verb verb, Topic topic, JedisDataException error, Collection<Delivery<?>> told) {
    failUnconfirmed(topic, error);
    if (!topic.handlers().isEmpty()) {
      topic.status = Status.REFUSED;
      if (!topic.refusalReported) {
        topic.refusalReported = true;
        topic.handlers().forEach(handler -> told.add(handler.delivery()));
      }
    }
    return answered(verb);
  }

  /** Fails whoever waits for a topic, and forgets it if that is all who want it. */
  void failUnconfirmed(Topic topic, JedisDataException error) {
    for (Handler handler : topic.handlers()) {
      if (handler.confirmation().completeExceptionally(error)) {
        boolean unused = topic.remove(handler.delivery());
      }
    }
    if (topic.handlers().isEmpty()) {
      of(topic.kind).remove(topic.name, topic);
    }
  }

  private @Nullable Gap answered(Verb verb) {
    if (verb == Verb.RESTORE) {
      unrestored--;
    }
    return unrestored == 0 ? takeGap() : null;
  }

  private @Nullable Gap takeGap() {
    if (!anyLost) {
      return null;
    }
    List<Topic> back =
        topics()
            .filter(topic -> topic.status == Status.CONFIRMED && topic.lostSinceNanos != null)
            .toList();
    Long since = null;
    for (Topic topic : back) {
      Long lost = Objects.requireNonNull(topic.lostSinceNanos);
      since = since == null || lost - since < 0 ? lost : since;
      topic.lostSinceNanos = null;
    }
    anyLost = topics().anyMatch(topic -> topic.lostSinceNanos != null);
    return since == null ? null : new Gap(deliveriesOf(back.stream()), since);
  }
}
