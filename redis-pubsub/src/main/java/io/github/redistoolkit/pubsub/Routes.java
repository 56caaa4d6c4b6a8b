package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.pubsub.Topic.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * Which link has which topic: channels and patterns are on one to any node, which in a Cluster
 * hears of all; sharded channels on one to the owner of their slot; key events on one to each
 * primary, since none passes them on. Where there is one server, all are on the first.
 *
 * <p>Thread-safe. No I/O under its lock.
 */
final class Routes {

  private final RedisAccess redis;
  private final Settings settings;
  private final Reports reports;
  private final Link.Hub hub;
  private final Link any;

  private final ReentrantLock lock = new ReentrantLock();
  private final Map<String, Link> nodes = new HashMap<>();

  /** Those of key events in a Cluster. */
  private final Set<Delivery<?>> everywhere = new LinkedHashSet<>();

  /** When it was last known which nodes have slots. */
  private long lookedNanos;

  private boolean closed;

  Routes(RedisAccess redis, Settings settings, Reports reports, Link.Hub hub) {
    this.redis = redis;
    this.settings = settings;
    this.reports = reports;
    this.hub = hub;
    this.any = Link.toAny(redis, settings, reports, hub);
  }

  Link any() {
    return any;
  }

  /** The links of this moment. */
  List<Link> links() {
    lock.lock();
    try {
      List<Link> links = new ArrayList<>(List.of(any));
      links.addAll(nodes.values());
      return links;
    } finally {
      lock.unlock();
    }
  }

  /** Puts a handler where its messages come; done when all that is returned is. */
  List<CompletableFuture<@Nullable Void>> add(Delivery<?> delivery, Reach reach) {
    if (redis.spreadsKeys() && delivery.kind == Kind.SHARDED) {
      return List.of(addAtOwner(delivery, delivery.names.get(0)));
    }
    if (redis.spreadsKeys() && reach == Reach.EACH_PRIMARY) {
      return addEverywhere(delivery);
    }
    return delivery.names.stream().map(name -> any.add(delivery, delivery.kind, name)).toList();
  }

  private CompletableFuture<@Nullable Void> addAtOwner(Delivery<?> delivery, String channel) {
    if (redis.nodeForChannel(channel) == null) {
      redis.refresh();
    }
    lock.lock();
    try {
      // Perhaps it is being moved, and not yet where it will be.
      for (Link link : nodes.values()) {
        if (link.has(Kind.SHARDED, channel)) {
          return link.add(delivery, Kind.SHARDED, channel);
        }
      }
      String owner = redis.nodeForChannel(channel);
      if (owner == null) {
        throw new JedisConnectionException(
            "The cluster client knows no node for " + EventLog.escape(channel));
      }
      return linkTo(owner).add(delivery, Kind.SHARDED, channel);
    } finally {
      lock.unlock();
    }
  }

  private List<CompletableFuture<@Nullable Void>> addEverywhere(Delivery<?> delivery) {
    if (redis.primaries().isEmpty()) {
      redis.refresh();
    }
    List<CompletableFuture<@Nullable Void>> confirmations = new ArrayList<>();
    lock.lock();
    try {
      if (everywhere.isEmpty()) {
        lookedNanos = settings.ticker().nanoTime();
      }
      everywhere.add(delivery);
      for (String node : redis.primaries()) {
        for (String name : delivery.names) {
          confirmations.add(linkTo(node).add(delivery, delivery.kind, name));
        }
      }
      return confirmations;
    } finally {
      lock.unlock();
    }
  }

  private Link linkTo(String node) {
    if (closed) {
      throw new IllegalStateException("This RedisPubSub is closed");
    }
    return nodes.computeIfAbsent(
        node, unknown -> Link.toNode(unknown, redis, settings, reports, hub));
  }

  /** Takes a handler from wherever it is. */
  void remove(Delivery<?> delivery) {
    lock.lock();
    try {
      everywhere.remove(delivery);
      for (String name : delivery.names) {
        any.remove(delivery, delivery.kind, name);
        nodes.values().forEach(link -> link.remove(delivery, delivery.kind, name));
      }
    } finally {
      lock.unlock();
    }
  }

  void close() {
    lock.lock();
    try {
      closed = true;
    } finally {
      lock.unlock();
    }
    links().forEach(Link::close);
  }

  /** Whether there is anything for which it matters which node has what. */
  boolean dependsOnNodes() {
    lock.lock();
    try {
      return !nodes.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Puts all topics where they belong, after it was asked anew which node has what. */
  void rearrange(long askedNanos) {
    Set<String> primaries = redis.primaries();
    lock.lock();
    try {
      if (closed || primaries.isEmpty()) {
        return;
      }
      moveSharded();
      if (!everywhere.isEmpty()) {
        spread(primaries);
      }
      lookedNanos = askedNanos;
      closeUnused();
    } finally {
      lock.unlock();
    }
    reports.wake();
  }

  private void moveSharded() {
    for (Link from : List.copyOf(nodes.values())) {
      for (String channel : from.names(Kind.SHARDED)) {
        String owner = redis.nodeForChannel(channel);
        if (owner != null && !owner.equals(from.node)) {
          Topic topic = from.release(Kind.SHARDED, channel);
          if (topic != null) {
            linkTo(owner).adopt(topic);
          }
        }
      }
      from.askAgainForEnded();
    }
  }

  /** Listens at primaries that are new, from when on nobody knows, and no more at others. */
  private void spread(Set<String> primaries) {
    for (Delivery<?> delivery : everywhere) {
      for (String name : delivery.names) {
        for (String node : primaries) {
          linkTo(node).addLate(delivery, delivery.kind, name, lookedNanos);
        }
        nodes.forEach(
            (node, link) -> {
              if (!primaries.contains(node)) {
                link.remove(delivery, delivery.kind, name);
              }
            });
      }
    }
  }

  private void closeUnused() {
    Iterator<Link> links = nodes.values().iterator();
    while (links.hasNext()) {
      Link link = links.next();
      if (link.isEmpty()) {
        links.remove();
        link.close();
      }
    }
  }

  /** Why there is no connection, where there is none. */
  @Nullable Throwable lastFailure() {
    return links().stream()
        .map(Link::lastFailure)
        .filter(Objects::nonNull)
        .findFirst()
        .orElse(null);
  }

  boolean isConnected() {
    List<Link> used = links().stream().filter(link -> !link.isEmpty()).toList();
    return used.isEmpty() ? any.isConnected() : used.stream().allMatch(Link::isConnected);
  }
}
