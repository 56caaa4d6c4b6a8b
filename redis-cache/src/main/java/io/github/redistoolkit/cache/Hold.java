package io.github.redistoolkit.cache;

import java.util.concurrent.Future;

/** A key kept uncached while the database is written; see {@link CacheAside#update}. */
final class Hold {

  private final Entries<?> entries;
  private final String key;
  private final String token;
  private final Future<?> renewal;

  private Hold(Entries<?> entries, String key, String token, Future<?> renewal) {
    this.entries = entries;
    this.key = key;
    this.token = token;
    this.renewal = renewal;
  }

  static Hold place(
      Entries<?> entries, Renewals renewals, String key, String token, long lifeMillis) {
    entries.hold(key, token, lifeMillis);
    Future<?> renewal =
        renewals.keep(
            key,
            lifeMillis,
            () -> {
              entries.hold(key, token, lifeMillis);
              return true;
            });
    return new Hold(entries, key, token, renewal);
  }

  /** Lets the key be cached again, unless another update holds it. */
  void end() {
    renewal.cancel(false);
    entries.unhold(key, token);
  }
}
