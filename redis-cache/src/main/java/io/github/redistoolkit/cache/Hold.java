package io.github.redistoolkit.cache;

import java.util.concurrent.atomic.AtomicBoolean;

/** A key kept uncached while the database is written; see {@link CacheAside#update}. */
final class Hold {

  private final Entries<?> entries;
  private final String key;
  private final String token;
  private final Renewals.Renewal renewal;
  private final AtomicBoolean ended;

  private Hold(
      Entries<?> entries, String key, String token, Renewals.Renewal renewal, AtomicBoolean ended) {
    this.entries = entries;
    this.key = key;
    this.token = token;
    this.renewal = renewal;
    this.ended = ended;
  }

  static Hold place(
      Entries<?> entries, Renewals renewals, String key, String token, long lifeMillis) {
    entries.hold(key, token, lifeMillis);
    AtomicBoolean ended = new AtomicBoolean();
    Renewals.Renewal renewal =
        renewals.keep(
            key,
            lifeMillis,
            () -> {
              entries.hold(key, token, lifeMillis);
              if (ended.get()) {
                // It may have come after the end, and brought the hold back.
                entries.unhold(key, token);
              }
              return true;
            });
    return new Hold(entries, key, token, renewal, ended);
  }

  /** Lets the key be cached again, unless another update holds it. */
  void end() {
    ended.set(true);
    renewal.end();
    entries.unhold(key, token);
  }
}
