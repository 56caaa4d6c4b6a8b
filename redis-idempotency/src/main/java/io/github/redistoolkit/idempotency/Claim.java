package io.github.redistoolkit.idempotency;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What {@link IdempotencyService#begin} has found: either the right to do the work of a key, or the
 * result of whoever has done it before.
 *
 * <pre>{@code
 * try (Claim<Receipt> claim = service.begin(Request.of(key), TypeToken.get(Receipt.class))) {
 *   if (claim.replayed()) {
 *     return claim.result();
 *   }
 *   Receipt receipt = charge();
 *   claim.complete(receipt);
 *   return receipt;
 * }
 * }</pre>
 *
 * <p>The right lasts for the lease, by Redis's clock, and after that until another caller takes
 * over. From then on, every method here leaves the other's record alone and says so. For two
 * minutes after the claim's end, a request that the claim has sent and given up has no effect when
 * it arrives late.
 *
 * <p>Not meant to be implemented by users. A claim may be passed between threads. If several
 * threads end it at the same time, one of them does. It holds neither a connection nor a thread.
 *
 * @param <T> the type of the result
 */
public interface Claim<T> extends AutoCloseable {

  /**
   * Tells whether the work was already done.
   *
   * @return true if {@link #result} has its result; false if the work is now this caller's to do
   */
  boolean replayed();

  /**
   * Returns the result of the work that was already done.
   *
   * @return the result, decoded anew for this claim; null if it was null
   * @throws IllegalStateException if this is not a replay
   */
  @Nullable T result();

  /**
   * Returns which attempt at the work this is, or, of a replay, which one succeeded. Attempts that
   * were abandoned do not count.
   *
   * @return 1 normally; more if earlier owners vanished, so that nobody knows how much of the work
   *     they had done
   */
  int attempt();

  /**
   * Records the result; from now on it is replayed, for the ttl. Returns only if it is the one that
   * is. One round trip.
   *
   * <p>Works also after the lease, as long as nobody took over. If Redis fails it is asked again,
   * for a second and at least twice, with an interrupt postponed. How long each of these takes is
   * up to the client: a {@code RedisClusterClient} tries for ten seconds by itself, unless told
   * otherwise. After {@link ResultNotRecordedException.Reason#REDIS_UNAVAILABLE} this may be called
   * again. Once called, {@link #close} no longer abandons the claim, whatever the outcome: the work
   * was done.
   *
   * @param result the result of the work; may be null
   * @throws ResultNotRecordedException if the result was not recorded; says why and carries it
   * @throws IllegalStateException if this is a replay, or has been ended before
   */
  void complete(@Nullable T result);

  /**
   * Lets the lease end so long from now, sooner or later than it would have. Of several extensions
   * the one that was asked for last counts, in whatever order they arrive. One round trip.
   *
   * @param lease how long the work may take from now; 1 ms to 365 days
   * @return false if the claim is no longer this caller's, or this is a replay
   * @throws NullPointerException if {@code lease} is null
   * @throws IllegalArgumentException if {@code lease} is out of range
   * @throws StoredResultException if the record is damaged
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the lease may have been
   *     extended or not
   */
  boolean extend(Duration lease);

  /**
   * Ends the claim as the service's {@link IdempotencyService.Builder#onFailure} says of this
   * failure: frees the key, keeps the outcome open, or stores the failure. One round trip, and as
   * patient as {@link #complete}.
   *
   * @param failure what the work threw
   * @return false if the outcome was to be kept and the claim was no longer this caller's, so that
   *     it was not; true also of a key that is freed
   * @throws NullPointerException if {@code failure} is null
   * @throws IllegalStateException if this is a replay, or has been ended before
   * @throws StoredResultException if the record is damaged
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the claim may live on
   *     until its lease ends, and this may be called again
   */
  boolean fail(Throwable failure);

  /**
   * Ends the claim with an open outcome: nobody may run the work until somebody has decided. See
   * {@link FailureOutcome#KEEP_OPEN}. One round trip, and as patient as {@link #complete}.
   *
   * @return false if the claim was no longer this caller's, so that nothing is kept
   * @throws IllegalStateException if this is a replay, or has been ended before
   * @throws StoredResultException if the record is damaged
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the claim may live on
   *     until its lease ends, and this may be called again
   */
  boolean keepOpen();

  /**
   * Gives the work up, without an effect that must not be repeated, so that another caller can do
   * it at once. Does nothing if the claim is no longer this caller's, has been ended, or is a
   * replay. What was known of the key before the claim stays known: that an owner vanished, and the
   * fingerprint of that one.
   *
   * <p>After a {@link #complete} that failed this frees the key, even if the result was recorded
   * after all; callers may have been given it. One round trip, and as patient as {@link #complete}.
   *
   * @throws StoredResultException if the record is damaged
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the key is free as soon
   *     as it answers again
   */
  void abandon();

  /**
   * Abandons the claim unless it has been ended, or was asked to.
   *
   * @throws StoredResultException as {@link #abandon}
   * @throws redis.clients.jedis.exceptions.JedisException as {@link #abandon}
   */
  @Override
  void close();
}
