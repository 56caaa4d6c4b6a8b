package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.Tracking.Trust;
import io.github.redistoolkit.core.Ticker;
import java.util.Collection;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Copies of entries in this JVM, removed when Redis says that they changed.
 *
 * <p>A copy is served only as long as the node that it was read from is {@linkplain Trust trusted}:
 * as it is sure that every change there up to a second ago has been heard of. A copy is taken only
 * if nothing was heard of its key, or the ones that share its counter, between before it was read
 * and when it is stored.
 *
 * <p>Keys are the caller's, without the prefix. Thread-safe.
 */
final class NearCache<V> {

  /** A copy is read again at least this often, whatever its life in Redis. */
  private static final long LONGEST_MILLIS = TimeUnit.MINUTES.toMillis(1);

  private static final int STRIPES = 1024;

  /** What was heard of a key, and when and where the copy to be stored was asked for. */
  record Stamp(int stripe, int heard, long epoch, long askedNanos, Trust trust) {}

  /** A copy: what is kept of the value; null for a stored null. */
  private record Copy(@Nullable Object kept, long deadlineNanos, long endNanos, Trust trust) {}

  private final NearValues<V> values;
  private final Function<String, @Nullable Trust> trusts;
  private final Ticker ticker;
  private final ClockMap<Copy> copies;
  private final AtomicIntegerArray heard = new AtomicIntegerArray(STRIPES);
  private final AtomicLong epoch = new AtomicLong();

  /**
   * Makes an empty one.
   *
   * @param trusts by key, the trust in the node that has it; null if there is none yet
   */
  NearCache(
      NearValues<V> values,
      int maxEntries,
      long maxBytes,
      Function<String, @Nullable Trust> trusts,
      Ticker ticker) {
    this.values = values;
    this.trusts = trusts;
    this.ticker = ticker;
    this.copies = new ClockMap<>(maxEntries, maxBytes);
  }

  /** The entry, if there is a copy that may be served; its value is null for a stored null. */
  Found.@Nullable Value<V> get(String key) {
    Copy copy = copies.get(key);
    if (copy == null) {
      return null;
    }
    long now = ticker.nanoTime();
    if (!copy.trust().isGivenAt(now) || now - copy.deadlineNanos() >= 0) {
      return null;
    }
    Object kept = copy.kept();
    V value = kept == null ? null : values.give(kept);
    return new Found.Value<>(value, (copy.endNanos() - now) / 1_000_000, false);
  }

  /** To be called before an entry is read; null if no copy may be taken now. */
  @Nullable Stamp stamp(String key) {
    // The epoch first, trust last: if trust is lost in between, either that is seen, or the stamp
    // is of the epoch that ended with it.
    long current = epoch.get();
    int stripe = stripe(key);
    int heardBefore = heard.get(stripe);
    Trust trust = trusts.apply(key);
    long now = ticker.nanoTime();
    return trust == null || !trust.isGivenAt(now)
        ? null
        : new Stamp(stripe, heardBefore, current, now, trust);
  }

  /**
   * Takes a copy, unless something was heard since the stamp.
   *
   * @param lifeMillis the entry's remaining life when it was read; very long for one without end
   */
  void put(String key, Stamp stamp, @Nullable V value, String json, long lifeMillis) {
    long millis = Math.min(lifeMillis, LONGEST_MILLIS);
    if (millis <= 0) {
      return;
    }
    Object kept = value == null ? null : values.keep(value, json);
    long deadline = stamp.askedNanos() + TimeUnit.MILLISECONDS.toNanos(millis);
    long life = Math.min(TimeUnit.MILLISECONDS.toNanos(lifeMillis), Long.MAX_VALUE >> 1);
    long end = stamp.askedNanos() + life;
    Copy copy = new Copy(kept, deadline, end, stamp.trust());
    copies.putIf(() -> isUnchanged(stamp), key, copy, json.length());
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

  /** Drops the copies from a node whose trust was lost, which are not served any more. */
  void lost(Trust trust) {
    epoch.incrementAndGet();
    copies.removeIf(copy -> copy.trust() == trust);
  }

  int size() {
    return copies.size();
  }

  long bytes() {
    return copies.bytes();
  }

  private static int stripe(String key) {
    int hash = key.hashCode();
    return (hash ^ (hash >>> 16)) & (STRIPES - 1);
  }
}
