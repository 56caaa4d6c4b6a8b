package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.Renewable.Request;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where entries are. Keys are the caller's, without the prefix.
 *
 * <p>What is done with one key is one command or one script, so one round trip, and safe to run
 * twice by the same caller. Thread-safe.
 *
 * @param <V> the type of values
 */
sealed interface Store<V> permits RedisStore, NearStore {

  /** What {@link #ttlMillis} returns for an entry without expiry. */
  long FOR_EVER = -1;

  /** What {@link #ttlMillis} returns where there is no entry. */
  long NO_ENTRY = -2;

  Found<V> read(String key);

  /**
   * Reads a lease again, without what may stand behind it.
   *
   * @param lease as it was found
   * @return what it is now; null if something else is there, or another lease
   */
  Found.@Nullable Lease<V> reread(String key, Found.Lease<V> lease);

  /** Reads many; the keys are distinct, the result has each of them in their order. */
  Map<String, Found<V>> readAll(List<String> keys);

  void set(String key, String json, long ttlMillis);

  /** Stores JSON by key. */
  void setAll(Map<String, String> json, long ttlMillis);

  /** Deletes what no update holds, and tells whether it was an entry. */
  boolean delete(String key);

  /** Deletes what no update holds, and returns how many entries there were; keys are distinct. */
  long deleteAll(List<String> keys);

  /** Deletes all that no update holds, and returns how many entries there were. */
  long clear();

  boolean touch(String key, long ttlMillis);

  long ttlMillis(String key);

  /**
   * A lease to be had.
   *
   * @param lease its mark up to the time of its end
   * @param leaseMillis how long it lasts between renewals
   * @param keyMillis how long the key lives: as long as what is to be stored there
   */
  record Claim(String lease, long leaseMillis, long keyMillis) {}

  /**
   * A lease that is asked for.
   *
   * @param replaceableSha1 the digest of what may be replaced, or nothing
   * @param deadLease a lease that nobody has any more, or nothing
   * @param heedsPause whether the caller has what there is after a load that failed
   */
  record Wanted(
      String key, Claim claim, String replaceableSha1, String deadLease, boolean heedsPause) {}

  /** What comes of asking for a lease. */
  enum Claimed {
    MINE,

    /** Somebody else was first. */
    REFUSED,

    /** A load has failed a moment ago. */
    PAUSED
  }

  /** Puts a lease there if there is nothing, or what has ended or may be replaced. */
  Claimed claim(Wanted wanted);

  /** Claims many, and tells what came of each, in their order. */
  List<Outcome<Claimed>> claimAll(List<Wanted> wanted);

  /** What renews a lease in the background. */
  Request renewal(String key, Claim claim);

  /** Stores what was loaded under a lease, if that is still there. */
  boolean fill(String key, String lease, String json, long ttlMillis);

  /**
   * Removes the lease of a load that failed. What was kept for that is there again.
   *
   * @param pauseMillis for how long nobody is to load it then
   */
  void release(String key, String lease, long pauseMillis);

  /** Removes many such leases by key, in their order. */
  List<Outcome<Object>> releaseAll(Map<String, String> leases, long pauseMillis);

  /** Removes a lease and all that is kept with it. */
  void forget(String key, String lease);

  /** Removes many leases by key and all that is kept with them, in their order. */
  List<Outcome<Object>> forgetAll(Map<String, String> leases);

  /**
   * What removes a lease in the background. What was kept for a failure is there again.
   *
   * @param pauseMillis for how long nobody is to load it then
   */
  Request removal(String key, String lease, long pauseMillis);

  /**
   * Places the holds of an update.
   *
   * @param keyMillis how long the key lives at least
   */
  void hold(List<String> keys, String token, long holdMillis, long keyMillis);

  /** What renews a hold in the background. */
  Request holdRenewal(String key, String token, long holdMillis, long keyMillis);

  void unhold(List<String> keys, String token);

  /** What removes a hold in the background. */
  Request holdRemoval(String key, String token);

  /** What {@link #fill} takes, for one of many keys. */
  record Fill(String key, String lease, String json, long ttlMillis) {}

  /** Stores what was loaded under many leases, and tells for each whether it was there. */
  List<Outcome<Object>> fillAll(List<Fill> fills);

  /** Marks an entry that ends soon as being refreshed, and tells whether that is the caller's. */
  boolean beginRefresh(String key, String token, long leaseMillis, long mostLifeMillis);

  /** What renews a refresh in the background. */
  Request refreshRenewal(String key, String token, long leaseMillis);

  /** Replaces what was refreshed, or deletes it for no JSON, if it is still the same. */
  boolean endRefresh(String key, String token, String json, long ttlMillis);

  /** What must be there, or not, for a value to be stored. */
  enum Presence {
    ABSENT,
    PRESENT;

    String argument() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Stores a value if there is an entry, or none; tells whether it was stored. */
  boolean setIf(Presence presence, String key, String json, long ttlMillis);
}
