package io.github.redistoolkit.cache;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A map of bounded size that forgets what was not read for long: the CLOCK algorithm, also known as
 * second chance. Reads take no lock, so that many threads may read one hot key. Thread-safe.
 */
final class ClockMap<T> {

  /** What a key and its value take beside their text. */
  private static final int OVERHEAD_BYTES = 150;

  /**
   * How many entries that were read lately one {@link #putIf} passes over before it evicts one all
   * the same: so its time is bounded, though all of very many may have been read.
   */
  private static final int CHANCES = 64;

  /** The value is null once it has left the map, since the clock may keep the node for long. */
  private static final class Node<T> extends AtomicReference<@Nullable T> {

    private static final long serialVersionUID = 1L;

    final String key;
    final long bytes;

    /** Read since the hand passed last. Written without order: a lost mark costs little. */
    boolean used;

    Node(String key, T value, long bytes) {
      super(value);
      this.key = key;
      this.bytes = bytes;
    }
  }

  private final int maxEntries;
  private final long maxBytes;
  private final ConcurrentMap<String, Node<T>> nodes = new ConcurrentHashMap<>();
  private final AtomicLong bytes = new AtomicLong();

  /** The clock face: every node in the map, and some that have left it. */
  private final ConcurrentLinkedQueue<Node<T>> clock = new ConcurrentLinkedQueue<>();

  private final AtomicInteger clockSize = new AtomicInteger();

  ClockMap(int maxEntries, long maxBytes) {
    this.maxEntries = maxEntries;
    this.maxBytes = maxBytes;
  }

  @Nullable T get(String key) {
    Node<T> node = nodes.get(key);
    if (node == null) {
      return null;
    }
    if (!node.used) {
      node.used = true;
    }
    return node.get();
  }

  /**
   * Stores a value if the condition holds. The condition is asked while no {@link #remove} of the
   * key and no {@link #clear} can pass, so whatever makes it false before them takes effect.
   *
   * @param length how many bytes of text it has; what alone is too large is not stored
   */
  void putIf(BooleanSupplier condition, String key, T value, int length) {
    Node<T> node = new Node<>(key, value, (long) key.length() + length + OVERHEAD_BYTES);
    if (node.bytes > maxBytes) {
      remove(key);
      return;
    }
    Node<T> stored =
        nodes.compute(
            key,
            (k, present) -> {
              if (!condition.getAsBoolean()) {
                return present;
              }
              drop(present);
              bytes.addAndGet(node.bytes);
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

  void removeIf(Predicate<T> condition) {
    for (Node<T> node : nodes.values()) {
      T value = node.get();
      if (value != null && condition.test(value) && nodes.remove(node.key, node)) {
        drop(node);
      }
    }
  }

  void clear() {
    nodes.values().forEach(this::drop);
    // Waits for whoever is putting something, which looking at them does not. The hand drops it.
    nodes.clear();
  }

  private void drop(@Nullable Node<T> node) {
    if (node != null && node.getAndSet(null) != null) {
      bytes.addAndGet(-node.bytes);
    }
  }

  int size() {
    return nodes.size();
  }

  long bytes() {
    return bytes.get();
  }

  private boolean isFull() {
    return nodes.size() > maxEntries || bytes.get() > maxBytes;
  }

  private boolean isCrowded() {
    return clockSize.get() > 2 * (long) maxEntries;
  }

  /** The nodes that have left the map stay on the clock until the hand meets them. */
  private void evict() {
    int chances = CHANCES;
    for (int steps = 0; isFull() || (isCrowded() && steps < CHANCES); steps++) {
      Node<T> node = clock.poll();
      if (node == null) {
        return;
      }
      clockSize.decrementAndGet();
      if (nodes.get(node.key) != node) {
        drop(node);
        continue;
      }
      if (!isFull() || (node.used && chances > 0)) {
        chances--;
        node.used = false;
        clock.add(node);
        clockSize.incrementAndGet();
      } else if (nodes.remove(node.key, node)) {
        drop(node);
      }
    }
  }
}
