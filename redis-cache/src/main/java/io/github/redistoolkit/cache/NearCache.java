package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import java.util.Collection;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Copies of entries in this JVM, removed when Redis says that they changed.
 *
 * <p>They are served only until {@link #trust} runs out, which {@link Invalidations} extends for as
 * long as it is sure to have heard of every change up to a second ago. A copy is taken only if
 * nothing was heard of its key, or the ones that share its counter, between before it was read and
 * when it is stored.
 *
 * <p>Keys are the caller's, without the prefix. Thread-safe.
 */
final class NearCache<V> {

  /** How long after it was sure to have heard of every change a copy may still be served. */
  static final long STALENESS_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** A copy is read again at least this often, whatever its life in Redis. */
  private static final long LONGEST_MILLIS = TimeUnit.MINUTES.toMillis(1);

  private static final int STRIPES = 1024;

  /** What was heard of a key, and when the copy to be stored was asked for. */
  record Stamp(int stripe, int heard, long epoch, long askedNanos) {}

  /** A copy: the value itself if its type is immutable, else its JSON. */
  private record Copy(@Nullable Object held, long deadlineNanos) {}

  private final Codec<V> codec;
  private final Values values;
  private final ClockMap<Copy> copies;
  private final AtomicIntegerArray heard = new AtomicIntegerArray(STRIPES);
  private final AtomicLong epoch = new AtomicLong();
  private volatile long trustedUntilNanos = System.nanoTime();

  /** Whether one instance may be handed out to all. */
  enum Values {
    SHARED,
    DECODED_PER_READ;

    static Values of(TypeToken<?> type) {
      return ImmutableTypes.contains(type.getType()) ? SHARED : DECODED_PER_READ;
    }
  }

  NearCache(Codec<V> codec, Values values, int maxEntries) {
    this.codec = codec;
    this.values = values;
    this.copies = new ClockMap<>(maxEntries);
  }

  /** The entry, if there is a copy that may be served; its value is null for a stored null. */
  @Nullable Content<V> get(String key) {
    Copy copy = copies.get(key);
    if (copy == null) {
      return null;
    }
    long now = System.nanoTime();
    if (now - trustedUntilNanos >= 0 || now - copy.deadlineNanos() >= 0) {
      return null;
    }
    return Content.value(value(copy));
  }

  @SuppressWarnings("unchecked") // put stores a V if values are shared
  private @Nullable V value(Copy copy) {
    Object held = copy.held();
    if (held == null || values == Values.SHARED) {
      return (V) held;
    }
    return codec.decode((String) held);
  }

  /** To be called before an entry is read; null if no copy may be taken now. */
  @Nullable Stamp stamp(String key) {
    // The epoch first, trust last: if trust is lost in between, either that is seen, or the stamp
    // is of the epoch that ended with it.
    long current = epoch.get();
    int stripe = stripe(key);
    int heardBefore = heard.get(stripe);
    long now = System.nanoTime();
    return now - trustedUntilNanos >= 0 ? null : new Stamp(stripe, heardBefore, current, now);
  }

  /**
   * Takes a copy, unless something was heard since the stamp.
   *
   * @param pttl the entry's remaining life when it was read, as PTTL says it
   */
  void put(String key, Stamp stamp, @Nullable V value, String json, long pttl) {
    long millis = pttl == Entries.FOR_EVER ? LONGEST_MILLIS : Math.min(pttl, LONGEST_MILLIS);
    if (millis <= 0) {
      return;
    }
    Object held = value == null || values == Values.SHARED ? value : json;
    Copy copy = new Copy(held, stamp.askedNanos() + TimeUnit.MILLISECONDS.toNanos(millis));
    copies.putIf(() -> isUnchanged(stamp), key, copy);
  }

  private boolean isUnchanged(Stamp stamp) {
    return epoch.get() == stamp.epoch() && heard.get(stamp.stripe()) == stamp.heard();
  }

  /**
   * Takes note that an entry has changed: refuses copies under way, then removes the present one.
   */
  void changed(String key) {
    heard.incrementAndGet(stripe(key));
    copies.remove(key);
  }

  void changed(Collection<String> keys) {
    keys.forEach(this::changed);
  }

  /** Takes note that any entry may have changed. */
  void allChanged() {
    epoch.incrementAndGet();
    copies.clear();
  }

  /** Every change up to this time has been heard of. */
  void trust(long heardAllUntilNanos) {
    trustedUntilNanos = heardAllUntilNanos + STALENESS_NANOS;
  }

  /** Changes may have been missed: serves nothing, and takes no copies, until trusted again. */
  void distrust() {
    trustedUntilNanos = System.nanoTime();
    allChanged();
  }

  boolean isTrusted() {
    return System.nanoTime() - trustedUntilNanos < 0;
  }

  int size() {
    return copies.size();
  }

  private static int stripe(String key) {
    int hash = key.hashCode();
    return (hash ^ (hash >>> 16)) & (STRIPES - 1);
  }
}
