package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import redis.clients.jedis.exceptions.JedisException;

/** Keys kept uncached while the database is written; see {@link CacheAside#update}. */
final class Hold {

  private static final EventLog LOG = EventLog.shared(CacheAside.class);

  private final Store<?> store;
  private final Leases leases;
  private final List<String> keys;
  private final String token;
  private final Life life;
  private final List<Leases.Kept> kept = new ArrayList<>();
  private final AtomicBoolean ended = new AtomicBoolean();

  private Hold(Store<?> store, Leases leases, List<String> keys, String token, Life life) {
    this.store = store;
    this.leases = leases;
    this.keys = keys;
    this.token = token;
    this.life = life;
  }

  /**
   * How long holds last, and their keys live at least.
   *
   * @param holdMillis between renewals
   * @param keyMillis as long as the entries
   */
  record Life(long holdMillis, long keyMillis) {}

  /** Places a hold on each key, or on none. */
  static Hold place(
      Store<?> store,
      Leases leases,
      List<String> keys,
      String token,
      Life life,
      Counters counters) {
    Hold hold = new Hold(store, leases, keys, token, life);
    long asked = leases.now();
    try {
      store.hold(keys, token, life.holdMillis(), life.keyMillis());
    } catch (JedisException e) {
      hold.removeLater(); // Some may have been placed, or be on their way.
      throw e;
    }
    for (String key : keys) {
      hold.kept.add(
          leases.keep(
              "The hold of key " + key,
              store.holdRenewal(key, token, life.holdMillis(), life.keyMillis()),
              life.holdMillis(),
              asked,
              () -> lost(key, counters)));
    }
    return hold;
  }

  private static void lost(String key, Counters counters) {
    LOG.warn(
        "The hold of key {} was lost while the database is written: what is cached meanwhile is"
            + " removed when the update ends",
        key);
    counters.tell(listener -> listener.onHoldLost(key));
  }

  List<String> keys() {
    return keys;
  }

  /** Lets the keys be cached again, unless another update holds them. Once. */
  void end() {
    if (!ended.compareAndSet(false, true)) {
      return;
    }
    kept.forEach(Leases.Kept::end);
    try {
      store.unhold(keys, token);
    } catch (JedisException e) {
      removeLater();
      throw e;
    }
  }

  /** The same without waiting for Redis; tells whether it had not ended. */
  boolean endLater() {
    boolean first = ended.compareAndSet(false, true);
    if (first) {
      kept.forEach(Leases.Kept::end);
      removeLater();
    }
    return first;
  }

  private void removeLater() {
    keys.forEach(key -> leases.remove(store.holdRemoval(key, token), life.holdMillis()));
  }
}
