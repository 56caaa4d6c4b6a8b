package io.github.redistoolkit.cache;

import java.time.Duration;

/**
 * What a {@link CacheService} has counted since it was made. The counters are read one after the
 * other, so under load they may not add up exactly.
 *
 * @param hits reads that found an entry, in Redis or near
 * @param misses reads that found no entry; an undecodable entry, a lease and a hold count as none
 * @param nearHits the part of {@code hits} that was answered by the near cache, without Redis
 * @param loads runs of a loader that ended normally
 * @param loadFailures runs of a loader that ended with an exception, or with a value that cannot be
 *     stored
 * @param totalLoadTime the time spent in loaders
 * @param refusedFills loaded values that were not stored, because the key was set, deleted or held
 *     while they were loaded, or because the lease was lost
 * @param uncachedLoads the part of {@code loads} and {@code loadFailures} that ran without Redis,
 *     which failed or held the key
 * @param redisFailures times that Redis failed around a load, where the caller is not told
 * @param undecodable entries that could not be decoded to the type, and so were misses; the first
 *     of them was logged
 * @param earlyLoads the part of {@code loads} that refreshed an entry before it ended
 * @param staleHits entries past their time to live that were returned because a load failed; each
 *     is among {@code misses} too, and callers who waited for that load are not counted again
 * @param coolDowns times that loads began to go without Redis for a while, because it had not
 *     answered
 * @param waits times that a caller waited for a load of another caller or JVM
 * @param totalWaitTime the time spent in these waits
 * @param near the near cache
 */
public record CacheStats(
    long hits,
    long misses,
    long nearHits,
    long loads,
    long loadFailures,
    Duration totalLoadTime,
    long refusedFills,
    long uncachedLoads,
    long redisFailures,
    long undecodable,
    long earlyLoads,
    long staleHits,
    long coolDowns,
    long waits,
    Duration totalWaitTime,
    Near near) {

  /** Whether a near cache answers reads. */
  public enum NearState {
    /** There is none. */
    NONE,
    /** Redis is not heard, or not yet: all reads go there. */
    UNSURE,
    /** It answers what it has. */
    ON
  }

  /** In which way a near cache hears from Redis which entries have changed. */
  public enum NearMode {
    /** In none: there is no near cache, or no connection; in a Cluster none before a first read. */
    NONE,
    /** As messages on a channel, which any server since Redis 6 has. */
    REDIRECT,
    /**
     * As pushes of RESP3, where the server refuses the other, or says nothing in it. In a Cluster
     * at some of its nodes at least.
     */
    PUSH
  }

  /**
   * What is true of the near cache now.
   *
   * @param state whether it answers reads
   * @param entries how many copies it has
   * @param bytes how much text they have, as its bound counts it
   * @param ignored messages that were not understood, of all near caches over the same client
   * @param mode in which way it hears of changes; it finds that out by itself
   */
  public record Near(NearState state, long entries, long bytes, long ignored, NearMode mode) {

    static final Near NONE = new Near(NearState.NONE, 0, 0, 0, NearMode.NONE);
  }

  /**
   * Returns the share of reads that found an entry.
   *
   * @return from 0 to 1; 1 if there was no read yet
   */
  public double hitRate() {
    long reads = hits + misses;
    return reads == 0 ? 1 : (double) hits / reads;
  }
}
