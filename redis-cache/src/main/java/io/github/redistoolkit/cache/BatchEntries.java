package io.github.redistoolkit.cache;

import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Many entries at a time: from the near cache what it has, the rest from Redis. */
final class BatchEntries<V> {

  private final Batches batches;
  private final Codec<V> codec;
  private final @Nullable NearCache<V> near;
  private final Counters counters;

  BatchEntries(Batches batches, Codec<V> codec, @Nullable NearCache<V> near, Counters counters) {
    this.batches = batches;
    this.codec = codec;
    this.near = near;
    this.counters = counters;
  }

  /** Returns the values that there are, in the order of the keys, which are distinct. */
  Map<String, V> get(List<String> keys) {
    Map<String, Content<V>> copies = copies(keys);
    List<String> rest = keys.stream().filter(key -> !copies.containsKey(key)).toList();
    Map<String, byte[]> found = rest.isEmpty() ? Map.of() : batches.get(rest);
    Map<String, V> values = new LinkedHashMap<>();
    for (String key : keys) {
      Content<V> content = copies.get(key);
      if (content == null) {
        content = codec.read(found.get(key));
        counters.count(content);
      }
      V value = content.value();
      if (value != null) {
        values.put(key, value);
      }
    }
    return values;
  }

  private Map<String, Content<V>> copies(List<String> keys) {
    Map<String, Content<V>> copies = new HashMap<>();
    if (near != null) {
      for (String key : keys) {
        Content<V> copy = near.get(key);
        if (copy != null) {
          counters.nearHits.increment();
          copies.put(key, copy);
        }
      }
    }
    return copies;
  }

  /** Stores JSON by key. */
  void set(Map<String, String> json, long ttlMillis) {
    if (json.isEmpty()) {
      return;
    }
    try {
      batches.set(json, ttlMillis);
    } finally {
      written(json.keySet());
    }
  }

  /** Deletes, and returns how many entries there were; the keys are distinct. */
  long delete(List<String> keys) {
    if (keys.isEmpty()) {
      return 0;
    }
    try {
      return batches.delete(keys);
    } finally {
      written(keys);
    }
  }

  /** Deletes everything with the prefix, and returns how many entries there were. */
  long clear() {
    AtomicLong removed = new AtomicLong();
    // A scan may name a key twice.
    batches.scan(keys -> removed.addAndGet(delete(List.copyOf(new LinkedHashSet<>(keys)))));
    return removed.get();
  }

  /** Drops copies once Redis has replied, as {@link Entries} does. */
  private void written(Collection<String> keys) {
    if (near != null) {
      near.changed(keys);
    }
  }
}
