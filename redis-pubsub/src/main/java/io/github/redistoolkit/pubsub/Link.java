package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.pubsub.Registry.Gap;
import io.github.redistoolkit.pubsub.Session.Request;
import io.github.redistoolkit.pubsub.Session.Verb;
import io.github.redistoolkit.pubsub.Topic.Handler;
import io.github.redistoolkit.pubsub.Topic.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * One connection, again and again: keeps Redis to what its registry says, and tells of losses and
 * gaps.
 *
 * <p>Two daemon threads, started with the first subscription: {@link Reader} connects and reads,
 * {@link Writer} sends and keeps time. All state that they share with callers is guarded by one
 * lock, which is never held during I/O or while code of others runs. Thread-safe.
 */
final class Link implements Session.Events {

  /** Whom a link tells what it cannot settle by itself. No lock is held then. */
  interface Hub {
    /** A topic is at another node than this link's. */
    void misplaced();

    /** There are new credentials, and the connection was let in by former ones. */
    void outdated();

    /** The pool or client was closed. */
    void close();
  }

  /** A connection that lived for so long was a good one: the next is tried at once. */
  static final long STABLE_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** How soon it is looked again whether what was sent is answered, before another takes over. */
  private static final long SETTLE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  /** From one second on, the time to the next try doubles so often. */
  private static final int MOST_FAILED_CHANGES = 6;

  private static final long REPORT_FAILURE_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** The node it leads to; empty for any of a Cluster, or the only one. */
  final String node;

  private final RedisAccess redis;
  private final Settings settings;
  private final Reports reports;
  private final Hub hub;
  private final Ticker ticker;
  private final @Nullable Probe probe;

  private @Nullable Thread reader;
  private @Nullable Thread writer;

  private final ReentrantLock lock = new ReentrantLock();

  /** Signalled when there is something to connect for or to send, and at the end. */
  private final Condition changed = lock.newCondition();

  private final Registry registry = new Registry();
  private @Nullable Session session;

  /** What is to be the next session, while it is prepared. */
  private @Nullable Succession succession;

  /** Set while a succession waits for its mark: nothing is sent that would be lost with it. */
  private boolean holding;

  /** When that ends whatever the succession waits for. */
  private long heldUntilNanos;

  /** A channel that both connections of a succession hear; that of the probe, if there is one. */
  private final Topic marker;

  private boolean markerAsked;
  private boolean markerConfirmed;
  private int failedChanges;
  private long nextChangeNanos;
  private @Nullable Long restoredNanos;
  private @Nullable Throwable lastFailure;
  private String reportedFailure = "";
  private long reportedFailureNanos;
  private boolean misled;
  private volatile boolean closed;

  private Link(
      String node,
      RedisAccess redis,
      Settings settings,
      Reports reports,
      Hub hub,
      @Nullable Probe probe) {
    this.node = node;
    this.redis = redis;
    this.settings = settings;
    this.reports = reports;
    this.hub = hub;
    this.ticker = settings.ticker();
    this.probe = probe;
    this.marker =
        probe != null ? probe.topic : new Topic(Kind.CHANNEL, Probe.PREFIX + UUID.randomUUID());
    this.nextChangeNanos = ticker.nanoTime();
  }

  /** A link to any node, which has probes published through the pool. */
  static Link toAny(RedisAccess redis, Settings settings, Reports reports, Hub hub) {
    return new Link("", redis, settings, reports, hub, new Probe(settings, reports.log));
  }

  /** A link to a primary of a Cluster. */
  static Link toNode(String node, RedisAccess redis, Settings settings, Reports reports, Hub hub) {
    return new Link(node, redis, settings, reports, hub, null);
  }

  boolean isConnected() {
    lock.lock();
    try {
      return registry.isRestored() && session != null && session.isAlive();
    } finally {
      lock.unlock();
    }
  }

  EventLog log() {
    return reports.log;
  }

  boolean isOwnThread(Thread thread) {
    lock.lock();
    try {
      return thread == reader || thread == writer;
    } finally {
      lock.unlock();
    }
  }

  // Asked for by callers.

  /**
   * Registers a handler; what is returned completes when Redis has confirmed.
   *
   * @throws IllegalStateException if this is closed
   * @throws OutOfMemoryError if there is no thread to be had; nothing is registered then, and the
   *     next call tries again
   */
  CompletableFuture<@Nullable Void> add(Delivery<?> delivery, Kind kind, String name) {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("This RedisPubSub is closed");
      }
      startThreads();
      CompletableFuture<@Nullable Void> confirmation = registry.add(delivery, kind, name);
      changed.signalAll();
      return confirmation;
    } finally {
      lock.unlock();
    }
  }

  /** A thread that could not be started is made anew the next time: it starts but once. */
  private void startThreads() {
    if (reader == null) {
      Thread started = Threads.daemon("reader", new Reader(this));
      started.start();
      reader = started;
    }
    if (writer == null) {
      Thread started = Threads.daemon("writer", new Writer(this, settings.heartbeat(), ticker));
      started.start();
      writer = started;
    }
  }

  boolean has(Kind kind, String name) {
    return registry.find(kind, name) != null;
  }

  /** Registers a handler that should have been here since some time, unless it is here. */
  void addLate(Delivery<?> delivery, Kind kind, String name, long sinceNanos) {
    lock.lock();
    try {
      if (closed || registry.has(delivery, kind, name)) {
        return;
      }
      startThreads();
      registry.addLate(delivery, kind, name, sinceNanos);
      changed.signalAll();
      tellLost(
          List.of(delivery),
          new JedisConnectionException(node + " has slots now and was not listened to before"));
    } finally {
      lock.unlock();
    }
  }

  /** Asks once more for what Redis ended or had elsewhere, and should be here after all. */
  void askAgainForEnded() {
    lock.lock();
    try {
      registry.askAgainForEnded();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Takes in a topic from another link. */
  void adopt(Topic topic) {
    lock.lock();
    try {
      startThreads();
      registry.adopt(topic);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Gives a topic away; those who had it confirmed are told of the loss. */
  @Nullable Topic release(Kind kind, String name) {
    lock.lock();
    try {
      Topic topic = registry.find(kind, name);
      if (topic == null) {
        return null;
      }
      tellLost(registry.release(topic, goodUntilNanos()), moved(topic));
      changed.signalAll();
      return topic;
    } finally {
      lock.unlock();
    }
  }

  private JedisConnectionException moved(Topic topic) {
    return new JedisConnectionException(
        "The slot of " + EventLog.escape(topic.name) + " is no longer at " + node);
  }

  /** Forgets a handler; tells Redis if it was the last one of its topic. */
  void remove(Delivery<?> delivery, Kind kind, String name) {
    lock.lock();
    try {
      registry.remove(delivery, kind, name);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** The topics of a kind, as of this moment. */
  List<String> names(Kind kind) {
    lock.lock();
    try {
      return registry
          .topics()
          .filter(topic -> topic.kind == kind)
          .map(topic -> topic.name)
          .toList();
    } finally {
      lock.unlock();
    }
  }

  boolean isEmpty() {
    lock.lock();
    try {
      return registry.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Why there is no connection, if there is none. */
  @Nullable Throwable lastFailure() {
    lock.lock();
    try {
      return lastFailure;
    } finally {
      lock.unlock();
    }
  }

  /** Ends the connection and the threads, without waiting for them. */
  void close() {
    Session last;
    Succession next;
    List<Handler> handlers;
    IllegalStateException why = new IllegalStateException("This RedisPubSub was closed");
    lock.lock();
    try {
      closed = true;
      last = session;
      next = endSuccession();
      handlers = registry.topics().flatMap(topic -> topic.handlers().stream()).toList();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    handlers.forEach(handler -> handler.confirmation().completeExceptionally(why));
    if (last != null) {
      last.die(why);
    }
    if (next != null) {
      next.session().die(why);
    }
  }

  /** Ends the connection of the moment. */
  void die(Throwable cause) {
    Session at;
    lock.lock();
    try {
      at = session;
    } finally {
      lock.unlock();
    }
    if (at != null) {
      at.die(cause);
    }
  }

  List<Thread> threads() {
    lock.lock();
    try {
      return Stream.of(reader, writer).filter(thread -> thread != null).toList();
    } finally {
      lock.unlock();
    }
  }

  // Asked for by the reader.

  /**
   * Waits for a time, then until there is something to connect for.
   *
   * @return false if closed
   */
  boolean awaitWanted(Duration delay) {
    lock.lock();
    try {
      awaitChange(() -> false, delay.toNanos());
      while (!closed && registry.isEmpty()) {
        changed.awaitUninterruptibly();
      }
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until the condition holds, so much time has passed, or this is closed. */
  private void awaitChange(BooleanSupplier condition, long nanos) {
    long deadline = ticker.nanoTime() + nanos;
    boolean interrupted = false;
    long left = nanos;
    while (!closed && left > 0 && !condition.getAsBoolean()) {
      try {
        left = changed.awaitNanos(left);
      } catch (InterruptedException e) {
        interrupted = true; // only a handler on a same-thread executor can have left this behind
        left = deadline - ticker.nanoTime();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Connects, after the nodes were asked for anew if the last connection led astray. */
  @Nullable Session connect() {
    try {
      if (takeMisled() && !redis.isClosed()) {
        redis.refresh();
      }
      int silenceMillis = (int) settings.longestSilence().toMillis();
      Opened opened =
          node.isEmpty() ? redis.open(silenceMillis) : redis.openTo(node, silenceMillis);
      return new Session(opened, this, ticker);
    } catch (Throwable t) { // an Error too: without this thread nothing would ever come back
      failedToConnect(t);
      return null;
    }
  }

  private boolean takeMisled() {
    lock.lock();
    try {
      boolean before = misled;
      misled = false;
      return before;
    } finally {
      lock.unlock();
    }
  }

  private void failedToConnect(Throwable failure) {
    lock.lock();
    try {
      lastFailure = failure;
      String kind = EventLog.kind(failure);
      long now = ticker.nanoTime();
      if (!closed
          && (!kind.equals(reportedFailure)
              || now - reportedFailureNanos >= REPORT_FAILURE_NANOS)) {
        reportedFailure = kind;
        reportedFailureNanos = now;
        reports.connectFailed(this, failure);
      }
    } finally {
      lock.unlock();
    }
    reports.wake();
    if (!node.isEmpty()) {
      hub.misplaced(); // perhaps there is no such node any more
    }
  }

  /** Takes a new session into use and has all topics subscribed on it; ends it if closed. */
  void begin(Session begun) {
    lock.lock();
    try {
      if (!closed) {
        session = begun;
        registry.begin();
        markerAsked = probe != null;
        markerConfirmed = false;
        if (probe != null) {
          probe.begin(ticker.nanoTime());
          registry.ask(new Request(Verb.SUBSCRIBE, marker));
        }
        noteIfRestored();
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
    if (closed) { // meanwhile perhaps, when close() has seen this session or not
      begun.die(new IllegalStateException("This RedisPubSub was closed"));
    }
  }

  private void noteIfRestored() {
    if (restoredNanos == null && registry.isRestored()) {
      restoredNanos = ticker.nanoTime();
      lastFailure = null;
      reportedFailure = "";
    }
  }

  private long goodUntilNanos() {
    Session at = session;
    long now = ticker.nanoTime();
    if (at == null) {
      return now;
    }
    return probe == null ? at.goodUntilNanos() : probe.goodUntilNanos(at.goodUntilNanos(), now);
  }

  /**
   * Takes a dead session out of use.
   *
   * @return whether it was a good one, after which the next need not be waited for
   */
  boolean end(Throwable cause) {
    boolean stable;
    Succession next;
    lock.lock();
    try {
      stable = restoredNanos != null && ticker.nanoTime() - restoredNanos >= STABLE_NANOS;
      List<Delivery<?>> lost = registry.end(goodUntilNanos());
      session = null;
      next = endSuccession();
      restoredNanos = null;
      lastFailure = cause;
      tellLost(lost, cause);
    } finally {
      lock.unlock();
    }
    if (next != null) {
      next.session().die(cause);
    }
    reports.wake();
    return stable;
  }

  private void tellLost(List<Delivery<?>> lost, Throwable cause) {
    if (!lost.isEmpty() && !closed) {
      reports.disconnected(this, lost, cause);
    }
  }

  @Override
  public void onMessage(Session at, Kind kind, String name, String channel, byte[] payload) {
    Topic topic = registry.find(kind, name);
    if (topic != null) {
      // The same name for all that are queued, where it is known beforehand.
      String from = kind == Kind.PATTERN ? channel : topic.name;
      for (Handler handler : topic.handlers()) {
        handler.delivery().offer(from, payload, at.alive);
      }
      // What a handler did to this thread is no business of the next one.
      boolean unused = Thread.interrupted();
    } else if (kind == marker.kind && name.equals(marker.name)) {
      onMarker(at, payload);
    } // else its UNSUBSCRIBE is on the way
  }

  private void onMarker(Session at, byte[] payload) {
    Succession next;
    lock.lock();
    try {
      if (probe != null) {
        probe.arrived(payload);
      }
      next = holding ? succession : null;
    } finally {
      lock.unlock();
    }
    if (next != null && next.isMark(payload) && next.awaitMark()) {
      takeOver(at, next);
    }
  }

  /** Reads on where the other connection stands, which has come to the same point. */
  private void takeOver(Session at, Succession next) {
    lock.lock();
    try {
      if (succession != next) {
        return; // given up meanwhile, so the old one is read on
      }
      session = next.session();
      next.isOver();
      registry.continueWith(next.subscribed());
      Succession unused = endSuccession();
    } finally {
      lock.unlock();
    }
    at.leave();
  }

  private @Nullable Succession endSuccession() {
    Succession ended = succession;
    succession = null;
    holding = false;
    changed.signalAll();
    return ended;
  }

  /** The session that has taken over from one, if any has. */
  @Nullable Session successorOf(Session before) {
    lock.lock();
    try {
      return session == before ? null : session;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onReply(Verb verb, Topic topic) {
    if (verb == Verb.UNSUBSCRIBE) {
      return;
    }
    lock.lock();
    try {
      if (topic == marker) {
        markerConfirmed = true;
        if (probe != null) {
          probe.confirmed();
        }
      } else {
        tellBack(registry.confirmed(verb, topic));
      }
    } finally {
      lock.unlock();
    }
    reports.wake();
  }

  private void tellBack(@Nullable Gap gap) {
    noteIfRestored();
    if (gap != null && !closed) {
      reports.reconnected(this, gap.deliveries(), gap.sinceNanos(), ticker.nanoTime());
    }
  }

  @Override
  public void onError(Verb verb, Topic topic, JedisDataException error) {
    if (topic == marker) {
      Probe.warnOfRefusal(reports.log, error);
      return;
    }
    if (verb == Verb.UNSUBSCRIBE) {
      reports.log.warn(error, "Redis refuses to end the subscription to {}", topic.name);
      return;
    }
    boolean misplaced = Failures.code(error).equals("MOVED");
    lock.lock();
    try {
      if (misplaced) {
        tellBack(registry.misplaced(verb, topic));
      } else {
        refused(verb, topic, redis.explained(error));
      }
    } finally {
      lock.unlock();
    }
    reports.wake();
    if (misplaced) {
      hub.misplaced();
    }
  }

  private void refused(Verb verb, Topic topic, JedisDataException error) {
    if (!Failures.code(error).equals("NOPERM")) {
      registry.failUnconfirmed(topic, error);
      if (!topic.handlers().isEmpty()) {
        throw error; // ends the session: there is something about the server that may pass
      }
    }
    List<Delivery<?>> told = new ArrayList<>();
    tellBack(registry.refused(verb, topic, error, told));
    told.forEach(delivery -> reports.refused(delivery, error));
  }

  @Override
  public void onEnd(Kind kind, String name) {
    lock.lock();
    try {
      Topic topic = registry.find(kind, name);
      if (topic == null) {
        return;
      }
      tellLost(registry.ended(topic, goodUntilNanos()), moved(topic));
    } finally {
      lock.unlock();
    }
    reports.wake();
    hub.misplaced();
  }

  @Override
  public void onPong(long sentNanos) {
    lock.lock();
    try {
      if (probe == null || !probe.isLost(sentNanos)) {
        return;
      }
      misled = true;
    } finally {
      lock.unlock();
    }
    throw new JedisConnectionException(
        "A probe that was published through the pool or client has not arrived: the subscriptions"
            + " are not where it publishes");
  }

  /** A reader that waits for room would wait in vain. */
  @Override
  public void onDeath() {
    List<Delivery<?>> deliveries;
    lock.lock();
    try {
      deliveries = Registry.deliveriesOf(registry.topics());
    } finally {
      lock.unlock();
    }
    deliveries.forEach(Delivery::wakeReader);
  }

  // Asked for by the writer.

  /**
   * Waits until there is something to send, or for the given time.
   *
   * @return false if closed
   */
  boolean awaitOutgoing(long nanos) {
    lock.lock();
    try {
      boolean held = holding;
      long most = held ? Math.min(nanos, heldUntilNanos - ticker.nanoTime()) : nanos;
      awaitChange(
          () -> held != holding || (session != null && !holding && registry.hasOutgoing()), most);
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  /** Sends what is to be sent. The one method here that may block, on the writer's thread only. */
  void sendOutgoing() {
    Session to;
    List<Request> requests;
    Succession overdue = null;
    lock.lock();
    try {
      if (holding && ticker.nanoTime() - heldUntilNanos >= 0) {
        overdue = endSuccession(); // whatever keeps it, as a pool that has no connection
      }
      to = session;
      requests = to == null || holding ? List.of() : registry.takeOutgoing();
    } finally {
      lock.unlock();
    }
    if (overdue != null) {
      overdue.session().die(new JedisConnectionException("It could not take over in time"));
    }
    if (to != null && !requests.isEmpty()) {
      to.send(requests);
    }
  }

  /**
   * Has the peer asked whether it is there, and whether it still refuses what it refused. On the
   * writer's thread.
   */
  void beat() {
    Session pinged = null;
    lock.lock();
    try {
      if (session == null) {
        return;
      }
      if (session.wantsPing()) {
        if (holding) {
          pinged = session; // all else has time
        } else {
          registry.ask(Request.PING);
        }
      }
      registry.askAgainForRefused();
    } finally {
      lock.unlock();
    }
    if (pinged != null) {
      pinged.send(List.of(Request.PING));
    }
  }

  /**
   * Once a second: sees what the connection itself does not tell, that the caller has closed the
   * pool, and that after a failover the demoted primary still answers; has drops reported, and what
   * the executor refused before.
   */
  void tick() {
    if (redis.isClosed()) {
      hub.close();
      return;
    }
    Session at;
    List<Delivery<?>> deliveries;
    lock.lock();
    try {
      at = session;
      deliveries = Registry.deliveriesOf(registry.topics());
    } finally {
      lock.unlock();
    }
    if (at != null) {
      if (redis.isCurrent(at.opened())) {
        at.markCurrent();
        if (!redis.hasCurrentCredentials(at.opened()) && mayChange()) {
          hub.outdated();
        }
      } else {
        at.die(
            new JedisConnectionException(
                "Connected to " + at.opened().node() + ", which the client no longer uses"));
      }
    }
    deliveries.forEach(Delivery::tick);
    reports.tick();
  }

  /** Whether it is time to try to change the connection. */
  private boolean mayChange() {
    lock.lock();
    try {
      return ticker.nanoTime() - nextChangeNanos >= 0;
    } finally {
      lock.unlock();
    }
  }

  // Asked for by the keeper.

  /**
   * Changes to a connection with the credentials of this moment, if the present one was let in by
   * former ones, by which Redis may cut it at any time. Nothing is lost or comes twice with that.
   * May block.
   */
  void changeConnectionIfOutdated() {
    Session from = sessionToChange();
    if (from == null || redis.hasCurrentCredentials(from.opened())) {
      return;
    }
    Succession next = null;
    @Nullable JedisException failure = null;
    try {
      next = Succession.begin(from, redis, settings, this, marker);
      change(from, next);
    } catch (JedisException e) {
      failure = e;
    } finally {
      settle(next, failure);
    }
  }

  /** The session, if it is in a state in which it can be changed. */
  private @Nullable Session sessionToChange() {
    lock.lock();
    try {
      Session at = session;
      if (closed || at == null || !registry.isRestored()) {
        return null;
      }
      if (!markerAsked && !redis.hasCurrentCredentials(at.opened())) {
        markerAsked = true;
        registry.ask(new Request(Verb.SUBSCRIBE, marker));
        changed.signalAll();
      }
      return markerConfirmed && ticker.nanoTime() - nextChangeNanos >= 0 ? at : null;
    } finally {
      lock.unlock();
    }
  }

  private void change(Session from, Succession next) {
    lock.lock();
    try {
      if (closed || session != from) {
        return;
      }
      succession = next;
    } finally {
      lock.unlock();
    }
    next.subscribe(List.of(marker));
    for (List<Topic> missing = hold(next); missing != null; missing = hold(next)) {
      next.subscribe(missing);
    }
    next.publishMark(redis);
    next.readToMark();
    next.awaitEnd();
  }

  /**
   * Holds back what is to be sent, once the next session has all that this one has, and waits until
   * all that was sent before is answered. Returns what the next one still lacks, or null if that is
   * done.
   */
  private @Nullable List<Topic> hold(Succession next) {
    lock.lock();
    try {
      if (succession != next) {
        throw new JedisConnectionException("The connection ended before another could take over");
      }
      List<Topic> missing = next.lacking(registry.confirmed());
      if (!missing.isEmpty()) {
        return missing;
      }
      next.requireTime();
      if (!holding) {
        holding = true;
        heldUntilNanos = next.beginEnd();
        changed.signalAll();
      }
      if (!registry.isSettled()) {
        awaitChange(() -> false, SETTLE_NANOS);
        return List.of();
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /** Ends what did not take over; the old connection is as it was then. */
  private void settle(@Nullable Succession next, @Nullable JedisException failure) {
    lock.lock();
    try {
      boolean over = next != null && next.hasTakenOver();
      if (succession == next) {
        Succession unused = endSuccession();
      }
      failedChanges = over ? 0 : Math.min(failedChanges + 1, MOST_FAILED_CHANGES);
      nextChangeNanos =
          ticker.nanoTime() + (over ? 0 : TimeUnit.SECONDS.toNanos(1L << failedChanges) / 2);
      if (over) {
        return;
      }
    } finally {
      lock.unlock();
    }
    if (next != null) {
      next.session().die(failure != null ? failure : new JedisException("Not needed any more"));
    }
    if (failure != null && !closed) {
      reports.log.warn(
          failure,
          "No other connection could take over with new credentials; trying again, and listening on"
              + " the one that there is until Redis ends it");
    }
  }

  /** Publishes a probe through the pool, unless one is on its way. May block. */
  void probe() {
    Session at;
    lock.lock();
    try {
      at = session;
      if (probe == null || at == null || !probe.start(ticker.nanoTime())) {
        return;
      }
    } finally {
      lock.unlock();
    }
    boolean published = probe.publish(redis);
    lock.lock();
    try {
      if (session == at) {
        probe.published(published, ticker.nanoTime());
      }
    } finally {
      lock.unlock();
    }
  }
}
