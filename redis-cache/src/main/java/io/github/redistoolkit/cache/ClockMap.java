package io.github.redistoolkit.cache;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A bounded map that forgets what was not read for long: the CLOCK algorithm, also known as second
 * chance. Reads take no lock, so that many threads may read one hot key. Thread-safe.
 */
final class ClockMap<T> {

  private static final class Node<T> {
    final String key;

    /** Null once it has left the map, since the clock may keep the node for long. */
    volatile @Nullable T value;

    /** Read since the hand passed last. Written without order: a lost mark costs little. */
    boolean used;

    Node(String key, T value) {
      this.key = key;
      this.value = value;
    }
  }

  private final int maxEntries;
  private final ConcurrentMap<String, Node<T>> nodes = new ConcurrentHashMap<>();

  /** The clock face: every node in the map, and some that have left it. */
  private final ConcurrentLinkedQueue<Node<T>> clock = new ConcurrentLinkedQueue<>();

  private final AtomicInteger clockSize = new AtomicInteger();

  ClockMap(int maxEntries) {
    this.maxEntries = maxEntries;
  }

  @Nullable T get(String key) {
    Node<T> node = nodes.get(key);
    if (node == null) {
      return null;
    }
    if (!node.used) {
      node.used = true;
    }
    return node.value;
  }

  /**
   * Stores a value if the condition holds. The condition is asked while no {@link #remove} of the
   * key and no {@link #clear} can pass, so whatever makes it false before them takes effect.
   */
  void putIf(BooleanSupplier condition, String key, T value) {
    Node<T> node = new Node<>(key, value);
    Node<T> stored =
        nodes.compute(
            key,
            (k, present) -> {
              if (!condition.getAsBoolean()) {
                return present;
              }
              drop(present);
              return node;
            });
    if (stored == node) {
      clock.add(node);
      clockSize.incrementAndGet();
      evict();
    }
  }

  void remove(String key) {
    drop(nodes.remove(key));
  }

  void clear() {
    nodes.values().forEach(ClockMap::drop);
    // Waits for whoever is putting something, which looking at them does not.
    nodes.clear();
  }

  private static void drop(@Nullable Node<?> node) {
    if (node != null) {
      node.value = null;
    }
  }

  int size() {
    return nodes.size();
  }

  /** The nodes that have left the map stay on the clock until the hand meets them. */
  private void evict() {
    int chances = maxEntries;
    while (nodes.size() > maxEntries || clockSize.get() > 2 * (long) maxEntries) {
      Node<T> node = clock.poll();
      if (node == null) {
        return;
      }
      clockSize.decrementAndGet();
      if (nodes.get(node.key) != node) {
        continue;
      }
      boolean full = nodes.size() > maxEntries;
      if (!full || (node.used && chances > 0)) {
        chances--;
        node.used = false;
        clock.add(node);
        clockSize.incrementAndGet();
      } else {
        nodes.remove(node.key, node);
      }
    }
  }
}
