package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.redistoolkit.cache.CacheStats.NearMode;
import io.github.redistoolkit.cache.Tracking.Trust;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Keyed;
import io.github.redistoolkit.core.RedisAccess.Opened;
import io.github.redistoolkit.core.Ticker;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/**
 * Hears from one server which entries changed, on a connection of its own, and knows how long that
 * can be relied on.
 *
 * <p>The connection has <a
 * href="https://redis.io/docs/latest/develop/reference/client-side-caching/">tracking</a> on for
 * the prefixes, redirected to itself, in RESP2, which every server since 6.0 can; where that is
 * refused, or nothing comes of it, in RESP3, where changes are pushed. A second thread publishes a
 * probe four times a second <em>through the pool</em>, in a Cluster on a sharded channel of the
 * node. What arrives on the connection is in the order of the server. So when a probe has arrived,
 * everything that happened before it was sent has been heard; and the server that is heard is the
 * one that the pool writes to. If probes stop to arrive, for whatever reason, trust runs out by
 * itself.
 *
 * <p>With each probe a key of this JVM's own is read. Trust begins only after it was written
 * through the pool and reported by the server under the name that it is expected to have. If it is
 * gone, the database was emptied or swapped for another: nothing that was read before is served
 * then.
 */
final class TrackedNode {

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  private static final String CHANNEL = "__redis__:invalidate";
  private static final long PROBE_MILLIS = 250;

  /** Silence after which a connection is given up; probes should arrive far more often. */
  private static final int SILENCE_MILLIS = 2000;

  private static final long SHORTEST_PAUSE_MILLIS = 25;
  private static final long LONGEST_PAUSE_MILLIS = 1000;

  /** How soon another connection is tried again after one that could not take over. */
  private static final long CHANGE_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** The pause doubles so often. */
  private static final int MOST_FAILED_CHANGES = 5;

  /** How long a connection may take until it hears what the one before it does. */
  private static final long LONGEST_CHANGE_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** After how long without being told of a change the other way to track is tried. */
  private static final long UNTOLD_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final Duration MARK_TTL = Duration.ofMinutes(10);

  /** Names that are tried to find one in a slot of this node. */
  private static final int MOST_NAMES = 200_000;

  private final Tracking tracking;
  private final RedisAccess redis;
  private final RedisAccess listening;
  private final String node;
  private final Ticker ticker;
  private final String id = UUID.randomUUID().toString();

  /** What the key of our own has: as a mark no entry to anybody. */
  private final String value = Found.SIGN + "near:" + id;

  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread reader;
  private final Thread prober;

  private final ReentrantLock changing = new ReentrantLock();

  private volatile @Nullable Session session;

  /** What is to take the place of {@link #session}, once it hears all that that one does. */
  private volatile @Nullable Session successor;

  /** Grows when what is to be tracked changes, which no connection made before can hear. */
  private final AtomicInteger version = new AtomicInteger();

  /** Whether there is a thread that prepares a successor. */
  private volatile boolean following;

  /** For the reader's eyes. */
  private boolean lastWasTrusted;

  private volatile boolean probesRefused;

  /** In which way to track. */
  private volatile NearMode mode = NearMode.REDIRECT;

  /** When it may be tried again to follow new credentials. */
  private volatile long nextChange;

  /** For the eyes of the one thread at a time that prepares a successor. */
  private volatile int failedChanges;

  TrackedNode(Tracking tracking, RedisAccess redis, RedisAccess listening, String node) {
    this.tracking = tracking;
    this.redis = redis;
    this.listening = listening;
    this.node = node;
    this.ticker = tracking.ticker();
    this.nextChange = ticker.nanoTime();
    this.reader = daemon("redis-cache-near-reader", this::readUntilClosed);
    this.prober = daemon("redis-cache-near-prober", this::probeUntilClosed);
  }

  /** A connection that was given up here, so that another one is made: nothing to warn of. */
  private static final class GivenUp extends JedisConnectionException {
    private static final long serialVersionUID = 1;

    GivenUp(String message) {
      super(message);
    }
  }

  /** One connection, from its set-up to its end. */
  private static final class Session {
    final Opened opened;
    final long begunNanos;
    final int version;

    /** That of the one whose place this took, if any: what that one heard is still relied on. */
    volatile Trust trust;

    /** Set once this and the one before have both heard of a probe. */
    volatile boolean mayTakeOver;

    final String mark;
    final String serverMark;
    final String channel;
    volatile NearMode mode = NearMode.NONE;
    volatile boolean subscribed;
    volatile boolean verified;
    volatile boolean wasTrusted;

    /** Set before it is ended from here. */
    volatile boolean givenUp;

    /** For the prober's eyes. */
    long nextMark;

    // A probe counts when it has arrived and its sender knows that it went to the right server.
    private long sent;
    private String expected = "";
    private boolean arrived;
    private boolean accepted;

    Session(
        Opened opened, int version, String mark, String serverMark, String channel, Ticker ticker) {
      this.opened = opened;
      this.version = version;
      this.trust = new Trust(ticker);
      this.begunNanos = ticker.nanoTime();
      this.nextMark = begunNanos;
      this.mark = mark;
      this.serverMark = serverMark;
      this.channel = channel;
    }

    synchronized void expect(String probe, long now) {
      sent = now;
      expected = probe;
      arrived = false;
      accepted = false;
    }

    /** Whether probes arrive that long, but not what was changed. */
    synchronized boolean isNotTold(long now) {
      return arrived && accepted && !verified && now - begunNanos > UNTOLD_NANOS;
    }

    /** Whether it has heard of all that happened before the last probe. */
    synchronized boolean hasHeard() {
      return arrived && accepted && verified;
    }

    synchronized boolean arrived(String probe) {
      if (!probe.equals(expected)) {
        return false;
      }
      arrived = true;
      extend();
      return true;
    }

    synchronized void accepted() {
      accepted = true;
      extend();
    }

    void giveUp() {
      givenUp = true;
      opened.disconnect();
    }

    private void extend() {
      if (arrived && accepted && verified) {
        trust.extend(sent);
        wasTrusted = true;
      }
    }
  }

  void start() {
    reader.start();
    prober.start();
  }

  /** Trust in what this connection heard; null if there is no connection. */
  @Nullable Trust trust() {
    Session current = session;
    return current == null ? null : current.trust;
  }

  /** In which way the present connection hears of changes. */
  NearMode mode() {
    Session current = session;
    return current == null ? NearMode.NONE : current.mode;
  }

  /** Ends both threads, at once unless one is waiting for the network. */
  void close() {
    closed.countDown();
    reconnect();
    prober.interrupt();
    reader.interrupt();
  }

  /** Gives up the connection, so that another one is made. */
  void reconnect() {
    Session current;
    Session next;
    changing.lock();
    try {
      int unused = version.incrementAndGet();
      current = session;
      next = successor;
    } finally {
      changing.unlock();
    }
    if (current != null) {
      tracking.lost(current.trust);
      current.giveUp();
    }
    if (next != null) {
      next.giveUp();
    }
  }

  private boolean isClosed() {
    return closed.getCount() == 0;
  }

  // The reader.

  private void readUntilClosed() {
    long pauseMillis = SHORTEST_PAUSE_MILLIS;
    while (!isClosed() && !listening.isClosed()) {
      boolean heard = false;
      try {
        Session opened = open();
        if (opened == null) {
          return;
        }
        heard = true;
        readFrom(opened);
      } catch (GivenUp e) {
        LOG.debug(e, "Another connection is made for near caches");
      } catch (RuntimeException e) {
        // A connection without probes is silent: then what keeps probes off is what matters.
        if (!heard || !probesRefused || !(e.getCause() instanceof SocketTimeoutException)) {
          report("cannot hear Redis", e);
        }
      }
      probesRefused = false; // the next connection will tell
      if (lastWasTrusted) {
        lastWasTrusted = false;
        pauseMillis = SHORTEST_PAUSE_MILLIS;
      }
      if (!pause(pauseMillis)) {
        return;
      }
      pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
    }
  }

  /** Reads a session, and then those that take its place, until one of them fails. */
  private void readFrom(Session opened) {
    changing.lock();
    try {
      session = opened;
    } finally {
      changing.unlock();
    }
    for (Session current = opened; ; ) {
      try {
        requireRightPrefixes(current);
        while (!isClosed()) {
          receive(current, current.opened.read());
        }
        throw new JedisConnectionException("closed");
      } catch (RuntimeException | Error e) {
        Session next = end(current);
        if (next == null) {
          if (current.givenUp && e instanceof JedisException) {
            throw new GivenUp("It was ended here");
          }
          throw e;
        }
        current = next;
      }
    }
  }

  /**
   * A near cache may have been added while this connection was made, which does not hear for it.
   */
  private void requireRightPrefixes(Session current) {
    if (current.version != version.get()) {
      throw new GivenUp("Other prefixes are to be tracked");
    }
  }

  /** Ends a session, unless another has taken its place, which is returned. */
  private @Nullable Session end(Session ended) {
    changing.lock();
    try {
      Session now = session;
      if (now != ended) {
        return now;
      }
      session = null;
    } finally {
      changing.unlock();
    }
    lastWasTrusted = ended.wasTrusted;
    tracking.lost(ended.trust);
    ended.opened.disconnect();
    return null;
  }

  // The reader of a session that is to take another's place, as that one's credentials are old.

  private void follow(Session from) {
    boolean over = false;
    try {
      Session next = open();
      if (next == null) {
        return;
      }
      try {
        successor = next;
        over = readUntilOver(from, next);
      } finally {
        successor = null;
        if (!over) {
          next.giveUp();
        }
      }
    } catch (RuntimeException e) {
      if (isNeeded(from)) {
        LOG.warn(
            e,
            "No other connection could take over with new credentials for near caches of {}; trying"
                + " again, and listening on the one that there is until Redis ends it",
            nodeName());
      }
    } finally {
      int failed = !over && isNeeded(from) ? Math.min(failedChanges + 1, MOST_FAILED_CHANGES) : 0;
      failedChanges = failed;
      nextChange = ticker.nanoTime() + (failed == 0 ? 0 : CHANGE_PAUSE_NANOS << (failed - 1));
      following = false;
    }
  }

  /** Whether another connection is to take the place of a session, which has not ended. */
  private boolean isNeeded(Session from) {
    return session == from && !from.givenUp && !isClosed();
  }

  /** Reads a session until it has taken another's place; false if it is not to any more. */
  private boolean readUntilOver(Session from, Session next) {
    long begun = ticker.nanoTime();
    while (session == from && next.version == version.get() && !isClosed()) {
      receive(next, next.opened.read());
      if (next.mayTakeOver && takeOver(from, next)) {
        return true;
      }
      if (ticker.nanoTime() - begun > LONGEST_CHANGE_NANOS) {
        throw new JedisConnectionException(
            "The new connection does not hear in time what the one before it does");
      }
    }
    return false;
  }

  /**
   * Puts a session in the place of another. Both hear every change since some time, and the old one
   * has heard what came before: so no copy has to be dropped.
   */
  private boolean takeOver(Session from, Session next) {
    changing.lock();
    try {
      if (isClosed() || session != from || next.version != version.get()) {
        return false;
      }
      next.trust = from.trust;
      next.wasTrusted = true;
      session = next;
    } finally {
      changing.unlock();
    }
    from.opened.disconnect(); // Its reader goes on with the next one.
    return true;
  }

  private String nodeName() {
    return node.isEmpty() ? "the server" : node;
  }

  /** Says what keeps the near cache off. */
  private void report(String what, RuntimeException e) {
    if (isClosed()) {
      return; // Closing ends the connection that was being read.
    }
    LOG.warn(
        e,
        "Near caches of {} are off, as this JVM "
            + what
            + ". They need the prefixes' keys, CLIENT TRACKING and ID, SUBSCRIBE and PUBLISH (in a"
            + " Cluster SSUBSCRIBE and SPUBLISH) and the channels {} and redis-toolkit:near:*",
        nodeName(),
        CHANNEL);
  }

  /** Opens a connection and has it track; null if the node has no slots any more. */
  private @Nullable Session open() {
    int tracked = version.get();
    String channel = nameHere("redis-toolkit:near:" + id, MOST_NAMES);
    if (channel == null) {
      tracking.forget(this, node);
      close();
      return null;
    }
    String mark = mark();
    Opened opened =
        redis.spreadsKeys()
            ? listening.openFor(mark, SILENCE_MILLIS)
            : listening.open(SILENCE_MILLIS);
    boolean ready = false;
    try {
      if (redis.spreadsKeys() && !opened.node().equals(node)) {
        throw new JedisConnectionException("The slot has moved to " + opened.node());
      }
      Session begun = new Session(opened, tracked, mark, redis.key(mark), channel, ticker);
      begin(begun);
      ready = true;
      return begun;
    } finally {
      if (!ready) {
        opened.disconnect();
      }
    }
  }

  private void begin(Session begun) {
    if (mode == NearMode.PUSH) {
      try {
        trackByPushes(begun);
      } catch (JedisDataException e) {
        mode = NearMode.REDIRECT; // with the next connection, as this one has turned to RESP3
        throw e;
      }
    } else {
      try {
        trackByRedirection(begun);
      } catch (JedisDataException e) {
        trackInstead(begun, e);
      }
    }
    subscribe(begun);
  }

  private void trackInstead(Session begun, JedisDataException refusal) {
    try {
      trackByPushes(begun);
    } catch (JedisException e) { // a proxy may end the connection instead of an answer
      refusal.addSuppressed(e);
      throw refusal;
    }
    mode = NearMode.PUSH;
  }

  private void trackByRedirection(Session begun) {
    Connection connection = begun.opened.connection();
    connection.sendCommand(Command.CLIENT, "ID");
    String clientId = String.valueOf(connection.getOne());
    connection.sendCommand(Command.CLIENT, tracking(List.of("REDIRECT", clientId)));
    Object unused = connection.getOne();
    begun.mode = NearMode.REDIRECT;
  }

  private void trackByPushes(Session begun) {
    begun.opened.turnToPushes();
    begun.mode = NearMode.PUSH;
    send(begun, Command.CLIENT, tracking(List.of()));
    // Changes may be pushed before the answer.
    for (Object next = begun.opened.read(); next instanceof List<?>; next = begun.opened.read()) {
      receive(begun, next);
    }
  }

  private String[] tracking(List<String> how) {
    List<String> arguments = new ArrayList<>(List.of("TRACKING", "ON"));
    arguments.addAll(how);
    arguments.add("BCAST");
    for (String prefix : tracking.serverPrefixes()) {
      arguments.addAll(List.of("PREFIX", prefix));
    }
    return arguments.toArray(String[]::new);
  }

  /** Subscribes to all; the replies come as messages do. */
  private void subscribe(Session begun) {
    if (begun.mode == NearMode.REDIRECT) {
      send(begun, Command.SUBSCRIBE, CHANNEL);
      receive(begun, begun.opened.read());
    }
    if (redis.spreadsKeys()) {
      send(begun, Command.SSUBSCRIBE, redis.key(begun.channel));
    } else {
      send(begun, Command.SUBSCRIBE, begun.channel);
    }
    receive(begun, begun.opened.read());
  }

  private static void send(Session to, Command command, String... arguments) {
    Connection connection = to.opened.connection();
    connection.sendCommand(command, arguments);
    List<Object> none = connection.getMany(0); // which sends what is still buffered
    assert none.isEmpty();
  }

  /** A key under one of the prefixes, some of which may have a hash tag of another node. */
  private String mark() {
    for (String prefix : tracking.prefixes()) {
      String mark = nameHere(prefix + "#near:" + id, MOST_NAMES / 10);
      if (mark != null) {
        return mark;
      }
    }
    throw new JedisConnectionException("No prefix has keys in the slots of " + node);
  }

  /** A name that begins so and is in a slot of this node. */
  private @Nullable String nameHere(String start, int most) {
    if (!redis.spreadsKeys()) {
      return start;
    }
    for (int i = 0; i < most; i++) {
      String name = start + "-" + i;
      if (redis.nodeFor(name).equals(node)) {
        return name;
      }
    }
    return null;
  }

  /** Takes a message. Whoever may publish can send anything: what is not understood is ignored. */
  private void receive(Session from, @Nullable Object message) {
    if (message instanceof List<?> push
        && push.size() == 2
        && from.mode == NearMode.PUSH
        && text(push.get(0)).equals("invalidate")) {
      boolean unused = changed(from, push.get(1));
      return;
    }
    if (!(message instanceof List<?> parts) || parts.size() < 3) {
      tracking.ignored.increment();
      return;
    }
    String kind = text(parts.get(0));
    String channel = text(parts.get(1));
    Object content = parts.get(2);
    boolean ours = channel.equals(from.channel) || channel.equals(redis.key(from.channel));
    boolean understood = true;
    if (kind.equals("subscribe") || kind.equals("ssubscribe")) {
      from.subscribed |= ours;
    } else if (kind.equals("sunsubscribe")) {
      throw new JedisConnectionException("The slot of the channel has moved");
    } else if (channel.equals(CHANNEL) && from.mode == NearMode.REDIRECT) {
      understood = changed(from, content);
    } else {
      understood = ours && content instanceof byte[] && from.arrived(text(content));
    }
    if (!understood) {
      tracking.ignored.increment();
    }
  }

  private boolean changed(Session from, @Nullable Object names) {
    if (names == null) {
      tracking.allChanged(); // The database was emptied.
      return true;
    }
    if (!(names instanceof List<?> list)) {
      return false;
    }
    for (Object bytes : list) {
      String name = text(bytes);
      tracking.changed(name);
      if (!from.verified && name.equals(from.serverMark)) {
        from.verified = true;
      }
    }
    return true;
  }

  private static String text(@Nullable Object bytes) {
    return bytes instanceof byte[] utf8 ? new String(utf8, UTF_8) : "";
  }

  // The prober.

  private void probeUntilClosed() {
    while (pause(PROBE_MILLIS) && !listening.isClosed()) {
      Session current = session;
      if (current != null && current.subscribed) {
        followCredentials(current);
        probe(current);
      }
    }
    reconnect(); // The reader ends with it, should the pool have been closed.
  }

  /** Has another connection made, and lets it take over once it hears what this one does. */
  private void followCredentials(Session current) {
    Session next = successor;
    if (next != null) {
      next.mayTakeOver |= current.hasHeard() && next.hasHeard();
    } else if (!following
        && ticker.nanoTime() - nextChange >= 0
        && !listening.hasCurrentCredentials(current.opened)) {
      following = true;
      boolean started = false;
      try {
        daemon("redis-cache-near-follower", () -> follow(current)).start();
        started = true;
      } finally {
        if (!started) { // else it may have ended by now
          nextChange = ticker.nanoTime() + CHANGE_PAUSE_NANOS;
          following = false;
        }
      }
    }
  }

  private void probe(Session current) {
    try {
      if (!isRight(current)) {
        followToAnotherServer();
        return;
      }
      List<Session> hearing = hearing(current);
      mark(hearing);
      String probe = UUID.randomUUID().toString();
      long now = ticker.nanoTime();
      hearing.forEach(each -> each.expect(probe, now));
      List<Outcome<Object>> outcomes = redis.executeAll(commands(hearing, probe));
      List<@Nullable Object> answers = new ArrayList<>();
      for (Outcome<Object> outcome : outcomes) {
        answers.add(outcome.get());
      }
      if (!outcomes.stream().allMatch(Outcome::direct) || !isRight(current)) {
        followToAnotherServer();
        return;
      }
      boolean emptied = false;
      for (int i = 0; i < hearing.size(); i++) {
        if (!value.equals(answers.get(i))) {
          hearing.get(i).verified = false;
          emptied = true;
        }
      }
      if (emptied) {
        // Or another database: what was read before is no more.
        tracking.allChanged();
        return;
      }
      hearing.forEach(Session::accepted);
      probesRefused = false;
      if (current.isNotTold(ticker.nanoTime())) {
        trackOtherwise(current);
      }
    } catch (RuntimeException e) {
      boolean denied = e instanceof JedisException failure && !Failures.code(failure).isEmpty();
      if (denied) {
        probesRefused = true;
        report("is refused a probe", e);
      } else if (!isClosed()) {
        LOG.debug(e, "No probe for near caches");
      }
    }
  }

  private void followToAnotherServer() {
    LOG.warn(
        "Near caches of {} are off for a moment, as the pool or client goes to another server now",
        nodeName());
    reconnect();
  }

  /**
   * Writes the key of each, which every one of them must be told of. They may have keys and
   * channels of different names, where a near cache was closed or slots have moved meanwhile.
   */
  private void mark(List<Session> hearing) {
    for (Session each : hearing) {
      if (!each.verified || ticker.nanoTime() - each.nextMark >= 0) {
        redis.execute(
            redis.commands().set(each.mark, value, SetParams.setParams().px(MARK_TTL.toMillis())));
        each.nextMark = ticker.nanoTime() + MARK_TTL.toNanos() / 2;
      }
    }
  }

  /** Gives up a way to track in which the server says nothing, for the other one. */
  private void trackOtherwise(Session current) {
    NearMode before = current.mode;
    mode = before == NearMode.PUSH ? NearMode.REDIRECT : NearMode.PUSH;
    LOG.warn(
        "Near caches of {} are off, as the server reports no changes with CLIENT TRACKING by {};"
            + " trying {}",
        nodeName(),
        before,
        mode);
    reconnect();
  }

  /** Those that a probe arrives at. */
  private List<Session> hearing(Session current) {
    Session next = successor;
    if (next == null || next == current || !next.subscribed) {
      return List.of(current);
    }
    if (!isRight(next)) {
      next.giveUp();
      return List.of(current);
    }
    return List.of(current, next);
  }

  /** Whether the connection leads to where this client goes now. */
  private boolean isRight(Session current) {
    return redis.spreadsKeys()
        ? redis.nodeFor(current.mark).equals(node) && redis.nodeFor(current.channel).equals(node)
        : listening.isCurrent(current.opened);
  }

  /** First reads the key of each of them in turn, then publishes the probe on their channels. */
  @SuppressWarnings("unchecked") // all are taken as objects
  private List<Keyed<Object>> commands(List<Session> hearing, String probe) {
    List<Keyed<Object>> commands = new ArrayList<>();
    for (Session each : hearing) {
      CommandObject<?> get = redis.commands().get(each.mark);
      commands.add(new Keyed<>(each.mark, (CommandObject<Object>) get));
    }
    for (String channel : hearing.stream().map(each -> each.channel).distinct().toList()) {
      CommandObject<?> publish =
          redis.spreadsKeys()
              ? redis.commands().spublish(channel, probe)
              : redis.commands().publish(channel, probe);
      commands.add(new Keyed<>(channel, (CommandObject<Object>) publish));
    }
    return commands;
  }

  /** Returns false when this is closed. */
  private boolean pause(long millis) {
    try {
      return !closed.await(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return !isClosed();
    }
  }

  private static Thread daemon(String name, Runnable task) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }
}
