package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.CacheStats.NearMode;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Hears from Redis which entries changed, for all near caches over one pool or client: one {@link
 * TrackedNode} for the server, in a Cluster one for each primary that a near cache reads from.
 *
 * <p>Writes of this JVM are passed on to every near cache in it, through whatever client they were
 * made.
 */
final class Tracking {

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  /** All that track, so that near caches over the same pool or client share one. */
  private static final Map<Object, Tracking> SHARED = new WeakHashMap<>();

  /** Every near cache of this JVM. */
  private static final CopyOnWriteArrayList<Member> MEMBERS = new CopyOnWriteArrayList<>();

  private final RedisAccess redis;
  private final RedisAccess listening;
  private final Ticker ticker;
  private final CopyOnWriteArrayList<Member> members = new CopyOnWriteArrayList<>();
  private final ConcurrentMap<String, TrackedNode> nodes = new ConcurrentHashMap<>();
  final LongAdder ignored = new LongAdder();

  Tracking(RedisAccess redis, RedisAccess listening, Ticker ticker) {
    this.redis = redis;
    this.listening = listening;
    this.ticker = ticker;
  }

  /**
   * Until when copies from a node may be served. One that has ended is not given again: the next
   * connection has another.
   */
  static final class Trust {

    /** How long after it was sure to have heard of every change a copy may still be served. */
    static final long STALENESS_NANOS = Duration.ofSeconds(1).toNanos();

    private final Ticker ticker;
    private volatile long until;

    Trust(Ticker ticker) {
      this.ticker = ticker;
      this.until = ticker.nanoTime();
    }

    boolean isGivenAt(long now) {
      return now - until < 0;
    }

    /** Every change up to this time has been heard of. */
    void extend(long heardAllUntil) {
      until = heardAllUntil + STALENESS_NANOS;
    }

    void end() {
      until = ticker.nanoTime();
    }
  }

  /** A near cache and what its keys begin with, as the caller and as the server knows it. */
  record Member(NearCache<?> copies, String prefix, String serverPrefix) {

    void changed(String serverName) {
      if (serverName.startsWith(serverPrefix)) {
        copies.changed(serverName.substring(serverPrefix.length()));
      }
    }
  }

  Ticker ticker() {
    return ticker;
  }

  static Tracking of(RedisAccess redis) {
    synchronized (SHARED) {
      return SHARED.computeIfAbsent(
          redis.owner(), owner -> new Tracking(redis, redis, Ticker.system()));
    }
  }

  /** Tells all near caches of this JVM that a key was written. */
  static void written(RedisAccess redis, String name) {
    if (!MEMBERS.isEmpty()) {
      String serverName = redis.key(name);
      MEMBERS.forEach(member -> member.changed(serverName));
    }
  }

  static void written(RedisAccess redis, Collection<String> names) {
    if (!MEMBERS.isEmpty()) {
      names.forEach(name -> written(redis, name));
    }
  }

  /** Begins to hear for a near cache. */
  synchronized Member add(NearCache<?> copies, String prefix) {
    Member member = new Member(copies, prefix, redis.key(prefix));
    List<String> before = serverPrefixes();
    members.add(member);
    MEMBERS.add(member);
    if (!serverPrefixes().equals(before)) {
      // What is tracked can be added to only with a new connection.
      nodes.values().forEach(TrackedNode::reconnect);
    }
    if (!redis.spreadsKeys()) {
      TrackedNode unused = track("");
    }
    return member;
  }

  /** Ends to hear for a near cache, and all threads with the last one. */
  synchronized void remove(Member member) {
    MEMBERS.remove(member);
    members.remove(member);
    if (members.isEmpty()) {
      nodes.values().forEach(TrackedNode::close);
      nodes.clear();
      synchronized (SHARED) {
        SHARED.remove(redis.owner(), this);
      }
    }
  }

  /** The trust in the node that has a key; null if there is none yet, which begins to track it. */
  @Nullable Trust trustIn(String name) {
    String node = redis.nodeFor(name);
    TrackedNode tracked = nodes.get(node);
    if (tracked == null) {
      tracked = track(node);
    }
    return tracked == null ? null : tracked.trust();
  }

  private synchronized @Nullable TrackedNode track(String node) {
    if (members.isEmpty() || node.equals("null")) {
      return null; // closed, or a slot that no node is known to have
    }
    TrackedNode known = nodes.get(node);
    if (known != null) {
      return known;
    }
    TrackedNode tracked = new TrackedNode(this, redis, listening, node);
    try {
      tracked.start();
    } catch (OutOfMemoryError noThread) {
      tracked.close();
      LOG.warn(noThread, "No thread for a near cache, which stays off");
      return null;
    }
    nodes.put(node, tracked);
    return tracked;
  }

  /** Forgets a node that has no slots any more. */
  void forget(TrackedNode node, String name) {
    nodes.remove(name, node);
  }

  /** What the keys begin with that are tracked, as the server knows it; none begins another. */
  List<String> serverPrefixes() {
    List<String> all = members.stream().map(Member::serverPrefix).distinct().sorted().toList();
    List<String> least = new ArrayList<>();
    for (String prefix : all) {
      if (least.isEmpty() || !prefix.startsWith(least.get(least.size() - 1))) {
        least.add(prefix);
      }
    }
    return least;
  }

  /** The prefixes under which this may write a key of its own. */
  List<String> prefixes() {
    return members.stream().map(Member::prefix).distinct().toList();
  }

  void changed(String serverName) {
    members.forEach(member -> member.changed(serverName));
  }

  void allChanged() {
    members.forEach(member -> member.copies().allChanged());
  }

  void lost(Trust trust) {
    trust.end();
    members.forEach(member -> member.copies().lost(trust));
  }

  /** Whether every node that is tracked is trusted, and there is one. */
  boolean isTrusted() {
    long now = ticker.nanoTime();
    Map<String, TrackedNode> all = new HashMap<>(nodes);
    return !all.isEmpty()
        && all.values().stream().map(TrackedNode::trust).allMatch(t -> isGiven(t, now));
  }

  /** In which way changes are heard of. */
  NearMode mode() {
    NearMode mode = NearMode.NONE;
    for (TrackedNode node : nodes.values()) {
      NearMode here = node.mode();
      mode = here.compareTo(mode) > 0 ? here : mode;
    }
    return mode;
  }

  private static boolean isGiven(@Nullable Trust trust, long now) {
    return trust != null && trust.isGivenAt(now);
  }
}
