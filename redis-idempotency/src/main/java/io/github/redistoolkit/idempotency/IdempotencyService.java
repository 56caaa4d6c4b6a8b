package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Digests;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.idempotency.Claiming.Answered;
import io.github.redistoolkit.idempotency.Claiming.Found;
import io.github.redistoolkit.idempotency.Claiming.InProgress;
import io.github.redistoolkit.idempotency.Claiming.Written;
import io.github.redistoolkit.idempotency.Records.Look;
import io.github.redistoolkit.idempotency.Records.Over;
import io.github.redistoolkit.idempotency.ResultCodec.Encoded;
import io.github.redistoolkit.idempotency.ResultCodec.Fit;
import io.github.redistoolkit.idempotency.ResultCodec.Unfit;
import io.github.redistoolkit.idempotency.Stored.Phase;
import io.github.redistoolkit.json.JsonCodec;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * Runs the work of a request once per key, and replays its result to everyone who asks again.
 *
 * <pre>{@code
 * IdempotencyService payments = new IdempotencyService(pool, "payments", Duration.ofHours(24));
 * Receipt receipt = payments.execute(tenant + ":" + clientKey, Receipt.class, claim -> charge());
 * }</pre>
 *
 * <p><b>Guarantee.</b> Of all callers of one key, in whatever JVMs, only one owns it at a time.
 * Once an owner has completed, nobody runs the work again until the ttl has passed; all callers get
 * its result. An owner is known by a token that is new each time. So an owner that was too slow and
 * has been taken over neither changes nor deletes what belongs to another. Nor does a request that
 * arrives late: what an owner has given up stays given up. A key that was used with one fingerprint
 * is refused with another, from the first claim on.
 *
 * <p><b>Limits.</b> Exactly once is impossible across a crash. If an owner vanishes between its
 * effect and its completion, nobody knows whether the effect happened. The next caller after the
 * lease runs the work and sees {@link Claim#attempt} above 1, as does each caller after it until
 * one completes. So pass the key on to the systems behind, which can then tell, or look there
 * first.
 *
 * <p>Two owners may run at once if one outlasts its lease. Choose a lease longer than the work can
 * take, {@link Claim#extend} it, or have it {@linkplain Builder#keepAlive renewed}.
 *
 * <p>Redis keeps the record, so what Redis loses is lost here. A failover may lose a claim that no
 * replica had yet. A Redis that evicts keys forgets records, so run it with {@code maxmemory-policy
 * noeviction}. A request that arrives more than two minutes after its claim has ended may find
 * nothing to stop it. Then a late begin leaves a claim that ends with its lease, and a late
 * completion leaves a result.
 *
 * <p><b>A database.</b> Commit the transaction inside the work, so that it is over before the
 * result is recorded. After a crash between the two, the next caller sees {@code attempt() > 1}:
 * let it look in the database, where the key should have a unique constraint. The other way round,
 * a result would be replayed whose transaction was rolled back. If the work runs inside a
 * transaction of its caller, use {@link #begin}, and complete the claim after the commit.
 *
 * <p><b>A stream or queue.</b> Acknowledge a message after the call has returned, even if it was a
 * replay. A message that comes again because its acknowledgement was lost is replayed. Use the
 * message's own id as the key, not its place in the stream. If {@link InProgressException} is
 * thrown, do not acknowledge: another consumer is working on the message, and may yet fail.
 *
 * <p><b>Keys.</b> A key names a request of one operation. So it should hold everything that tells
 * two requests apart: the tenant, and the key that the client sent. Otherwise one client could read
 * the results of another. A key may be any text up to 64 KiB; {@link #redisKey} says where its
 * record is. The fingerprint is text that tells whether a request is the same, such as a digest of
 * its body. Only 128 bits of its SHA-256 are stored. Results are stored as they are, as JSON.
 *
 * <p><b>Results.</b> What is replayed is equal to what the work returned, in every JVM that has the
 * same classes. If no result of a type could be read back, such as of {@code Optional<Thread>}, the
 * type is refused before the work runs. A result that would come back different, such as a subclass
 * of the declared type, is not recorded. Then {@link ResultNotRecordedException} carries it, the
 * cause names the type and the path, and the work never runs again. See {@link
 * io.github.redistoolkit.json.JsonCodec} for what is checked, and for other mappers than Gson.
 *
 * <p><b>When classes change</b>, results of the old version are replayed to the new one until their
 * ttl has passed, and for a while the other way round. A field that a result lacks is null or zero.
 * A field that the class lacks is ignored. So a field that was renamed is lost, unless
 * {@code @SerializedName} names the old one as an alternate.
 *
 * <p>A result cannot be read if it has a constant that the enum lacks, if a field no longer fits
 * its type, or if the constructor refuses it. That is a {@link StoredResultException}, logged once
 * per type. The work does not run again, and the result stays. This is how Gson reads; another
 * mapper has rules of its own.
 *
 * <p><b>Cost.</b> Each method says its round trips. The first call to a server that does not know a
 * script yet takes one more. Renewals use up to two connections with a thread each for every
 * server, which all modules share. No other connection is held while the work runs or a caller
 * waits.
 *
 * <p><b>Expiry.</b> Every record expires by itself. An answer does so after the ttl, and the trace
 * of an abandoned claim after two minutes. A claim that nobody ends is kept for its lease and the
 * ttl, so that a crash is known for as long.
 *
 * <p><b>Failure.</b> If Redis fails, Jedis's exception comes through and nothing was run, except
 * where a method says otherwise. If a connection breaks during a write, the write is sent once
 * more, which has no second effect. It may stay unknown whether a claim was made or given up. Such
 * a claim is taken back as soon as Redis answers again, by a daemon thread that lives as long as
 * there are any.
 *
 * <p>Thread-safe, on virtual threads too; needs no closing. The pool or client is never closed
 * here.
 */
public final class IdempotencyService {

  static {
    ModuleVersion.check();
  }

  private static final long LARGEST_RESULT = 512L << 20;
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

  private final RecordKeys keys;
  private final Records records;
  private final Withdrawals withdrawals;
  private final ResultCodec codec;
  private final FailureRules rules;
  private final Listening listening;
  private final Duration ttl;
  private final Duration lease;
  private final Duration maxWait;
  private final @Nullable Duration keepAlive;

  /**
   * Creates a service with the defaults of {@link Builder}.
   *
   * @param pool where connections come from
   * @param name what the requests are for, as {@link #builder(Pool, String)} says
   * @param ttl how long a completion is remembered; 1 ms to 100 years
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is not allowed or {@code ttl} is out of range
   */
  public IdempotencyService(Pool<Jedis> pool, String name, Duration ttl) {
    this(builder(pool, name).ttl(ttl));
  }

  /**
   * Creates a service with the defaults of {@link Builder}.
   *
   * @param client the client to use
   * @param name what the requests are for, as {@link #builder(Pool, String)} says
   * @param ttl how long a completion is remembered; 1 ms to 100 years
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is not allowed or {@code ttl} is out of range
   */
  public IdempotencyService(UnifiedJedis client, String name, Duration ttl) {
    this(builder(client, name).ttl(ttl));
  }

  private IdempotencyService(Builder builder) {
    this.keys = builder.keys;
    this.records = new Records(builder.redis, builder.alarms);
    this.withdrawals = new Withdrawals(records, records.ticker());
    this.codec = new ResultCodec(builder.json, builder.maxResultBytes);
    this.rules = builder.rules;
    this.listening = builder.listening;
    this.ttl = builder.ttl;
    this.lease = builder.lease;
    this.maxWait = builder.maxWait;
    this.keepAlive = builder.keepAlive;
  }

  /**
   * Starts a service on a pool, such as {@code JedisPool} or {@code JedisSentinelPool}.
   *
   * @param pool where connections come from
   * @param name the operation that the requests are for, such as {@code payments}: services of
   *     different names share no keys, so none replays what another has stored; 1 to 64 characters
   *     other than {@code :}, <code>&#123;</code> and <code>&#125;</code>
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is not allowed
   */
  public static Builder builder(Pool<Jedis> pool, String name) {
    return new Builder(RedisAccess.of(pool, "redis-idempotency"), name);
  }

  /**
   * Starts a service on a client: {@code RedisClient}, {@code RedisSentinelClient} or {@code
   * RedisClusterClient}.
   *
   * @param client the client to use
   * @param name as for {@link #builder(Pool, String)}
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is not allowed
   */
  public static Builder builder(UnifiedJedis client, String name) {
    return new Builder(RedisAccess.of(client, "redis-idempotency"), name);
  }

  /**
   * Tells whether a request has an answer or is being worked on. One round trip.
   *
   * <p>Only a look: two callers may both be told false. {@link #execute} lets one of them run.
   *
   * @param requestId the request's key; 1 byte to 64 KiB
   * @return true if it is completed, with or without a result, has failed for good or with an open
   *     outcome, or is claimed by a live lease
   * @throws NullPointerException if {@code requestId} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws StoredResultException if its record is damaged
   * @throws JedisException if Redis fails
   */
  public boolean isDuplicate(String requestId) {
    Look look = records.look(keys.of(requestId, "requestId"));
    return look != null
        && look.phase() != Phase.FREE
        && (look.phase() != Phase.CLAIMED || look.isLive());
  }

  /**
   * Records a request as completed, for work that was run without {@link #execute}. The first wins.
   * One round trip; two if there is a claim.
   *
   * <p>If the connection breaks and so does the second attempt, the result may have been kept or
   * not; Jedis's exception says so.
   *
   * @param requestId the request's key; 1 byte to 64 KiB
   * @param result its result, encoded as its own class has it; may be null. Ask for that class, or
   *     for the type that a list, a map or a generic class is an instance of; asked for {@code
   *     Object}, numbers are {@code Long} or {@code Double}
   * @return true if this result is now the stored one; false if it was not kept, because there is
   *     an answer already or a live claim
   * @throws NullPointerException if {@code requestId} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws ResultNotRecordedException if the result cannot be encoded or is too large; the request
   *     is recorded as completed without it
   * @throws StoredResultException if the request's record is damaged
   * @throws JedisException if Redis fails
   */
  public boolean storeRequest(String requestId, @Nullable Object result) {
    return store(keys.of(requestId, "requestId"), requestId, result, Over.FREE);
  }

  /**
   * Records the result of work that is known to have run, whoever owns the key now: after {@link
   * ResultNotRecordedException.Reason#REDIS_UNAVAILABLE}, or where a reconciliation has decided an
   * open outcome. One round trip; two if there is a record.
   *
   * <p>An owner that is at work, such as one that has taken over, is refused its own completion.
   * Safe to repeat.
   *
   * @param key the request's key; 1 byte to 64 KiB
   * @param result its result, encoded as its own class has it; may be null. Ask for that class, or
   *     for the type that a list, a map or a generic class is an instance of; asked for {@code
   *     Object}, numbers are {@code Long} or {@code Double}
   * @return true if this result is now the stored one; false if there is another result or a stored
   *     failure already, which is left as it is
   * @throws NullPointerException if {@code key} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws ResultNotRecordedException if the result cannot be encoded or is too large; the request
   *     is recorded as completed without it
   * @throws StoredResultException if the request's record is damaged
   * @throws JedisException if Redis fails; the result may have been recorded or not
   */
  public boolean record(String key, @Nullable Object result) {
    return store(keys.of(key, "key"), key, result, Over.ANY);
  }

  private boolean store(String redisKey, String key, @Nullable Object result, Over over) {
    Encoded encoded = codec.encodeAsItIs(result);
    Stored wanted =
        encoded instanceof Fit fit
            ? stored(Phase.COMPLETED, fit.json())
            : stored(Phase.RESULTLESS, "");
    Claiming claiming = new Claiming(records, redisKey, wanted, ttl.toMillis(), over);
    Found found = claiming.run(Duration.ZERO);
    boolean isThere =
        found instanceof Written
            || (over == Over.ANY
                && found instanceof Answered answered
                && answered.record().phase() == Phase.COMPLETED
                && answered.record().body().equals(wanted.body()));
    if (isThere && encoded instanceof Unfit unfit) {
      listening.tell(listener -> listener.onNotRecorded(key, unfit.reason()));
      throw new ResultNotRecordedException(unfit.reason(), result, unfit.cause());
    }
    return isThere;
  }

  private static Stored stored(Phase phase, String body) {
    return Stored.ended(phase, newToken(), 1, 0, Stored.NO_FINGERPRINT, body);
  }

  /**
   * Returns the stored result of a request. One round trip.
   *
   * @param requestId the request's key; 1 byte to 64 KiB
   * @param type the class of the result
   * @param <T> the same
   * @return the result; empty if the request is not completed, or its result is null
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code requestId} is empty, too long or not valid Unicode
   * @throws IdempotencyException as the other form
   * @throws JedisException if Redis fails
   */
  public <T> Optional<T> getResult(String requestId, Class<T> type) {
    return getResult(requestId, TypeToken.get(Objects.requireNonNull(type, "type")));
  }

  /**
   * As {@link #getResult(String, Class)}, for a generic type.
   *
   * @param requestId the request's key; 1 byte to 64 KiB
   * @param type the type of the result
   * @param <T> the same
   * @return the result; empty if the request is not completed, or its result is null
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code requestId} is empty, too long or not valid Unicode
   * @throws ReplayedFailureException if the work failed and that was stored
   * @throws StoredResultException if the request is completed without a stored result, or the
   *     result is not a {@code type}, or the record is damaged
   * @throws JedisException if Redis fails
   */
  public <T> Optional<T> getResult(String requestId, TypeToken<T> type) {
    Objects.requireNonNull(type, "type");
    Stored found = records.get(keys.of(requestId, "requestId"));
    if (found == null) {
      return Optional.empty();
    }
    return switch (found.phase()) {
      case CLAIMED, FREE, OPEN -> Optional.empty();
      default -> Optional.ofNullable(codec.decode(answer(found), type));
    };
  }

  /**
   * As {@link #execute(Request, TypeToken, Operation)}, for a plain class and without a
   * fingerprint.
   *
   * @param key the request's key; 1 byte to 64 KiB
   * @param type the class of the result
   * @param work what to run once
   * @param <T> the type of the result
   * @return the result of the work, run now or before; null if it was null
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code key} is empty, too long or not valid Unicode, or no
   *     result of the type could be read back; nothing was run
   * @throws IdempotencyException as the other form, but for the fingerprint
   * @throws JedisException if Redis failed before the work; nothing was run
   */
  @CanIgnoreReturnValue
  public <T> @Nullable T execute(String key, Class<T> type, Operation<T, RuntimeException> work) {
    Objects.requireNonNull(type, "type");
    return runOnce(Request.of(key), TypeToken.get(type), work).result();
  }

  /**
   * As {@link #execute(Request, TypeToken, Operation)}, for work without a result.
   *
   * @param key the request's key; 1 byte to 64 KiB
   * @param work what to run once
   * @return true if it was run now; false if it was run before
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code key} is empty, too long or not valid Unicode
   * @throws IdempotencyException as the other form, but for the fingerprint
   * @throws JedisException if Redis failed before the work; nothing was run
   */
  @CanIgnoreReturnValue
  public boolean execute(String key, Consumer<? super Claim<Void>> work) {
    Objects.requireNonNull(work, "work");
    return !runOnce(
            Request.of(key),
            TypeToken.get(Void.class),
            claim -> {
              work.accept(claim);
              return null;
            })
        .replayed();
  }

  /**
   * Runs the work unless it was run before under this key, and returns its result either way.
   *
   * <p>If another caller is working on the key, waits for its result up to {@link Builder#maxWait},
   * asking at most ten times a second, through an outage of Redis, too. If the work throws, the
   * same object is thrown, and {@link Builder#onFailure} says what becomes of the key: by default
   * it is free again at once. Should Redis fail then, that is suppressed in what is thrown; a key
   * that is to be free is so as soon as Redis answers again, any other after the lease.
   *
   * <p>Two round trips to run, one to replay, two to be refused.
   *
   * @param request the request
   * @param type the type of the result
   * @param work what to run once; must not use the same key itself
   * @param <T> the type of the result
   * @return the result, and whether it was replayed
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if no result of the type could be read back; nothing was run
   * @throws InProgressException if another caller is still working on it; nothing was run
   * @throws FingerprintMismatchException if the key was used with another fingerprint; nothing was
   *     run
   * @throws OutcomeOpenException if nobody knows what came of an earlier run; nothing was run
   * @throws ReplayedFailureException if the work was run before, and its failure is the answer;
   *     nothing was run
   * @throws StoredResultException if the work was run before, but its result cannot be had; nothing
   *     was run
   * @throws ResultNotRecordedException if the work ran, but its result was not recorded
   * @throws JedisException if Redis failed before the work; nothing was run
   */
  @CanIgnoreReturnValue
  public <T> Execution<T> execute(
      Request request, TypeToken<T> type, Operation<T, RuntimeException> work) {
    return runOnce(request, type, work);
  }

  /**
   * As {@link #execute(Request, TypeToken, Operation)}, for work that throws a checked exception.
   *
   * @param request the request
   * @param type the type of the result
   * @param work what to run once; must not use the same key itself
   * @param <T> the type of the result
   * @param <E> the checked exception of the work
   * @return the result, and whether it was replayed
   * @throws E if the work throws it
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException as the other form
   * @throws IdempotencyException as the other form
   * @throws JedisException if Redis failed before the work; nothing was run
   */
  @CanIgnoreReturnValue
  public <T, E extends Exception> Execution<T> executeChecked(
      Request request, TypeToken<T> type, Operation<T, E> work) throws E {
    return runOnce(request, type, work);
  }

  /**
   * As {@link #execute(Request, TypeToken, Operation)}, for work that goes on after it has
   * returned. The claim is held until the work's own stage is done; cancelling what is returned
   * changes nothing about that.
   *
   * @param request the request; it waits for another caller on a thread of the executor
   * @param type the type of the result
   * @param executor where Redis is asked and the work is started, which may block; the key stays
   *     claimed until its lease ends if this takes no more tasks
   * @param work what to run once; must not use the same key itself
   * @param <T> the type of the result
   * @return the result, and whether it was replayed; fails with what {@link #execute(Request,
   *     TypeToken, Operation)} throws, and with what the work's stage fails with
   * @throws NullPointerException if an argument is null
   */
  public <T> CompletableFuture<Execution<T>> executeAsync(
      Request request,
      TypeToken<T> type,
      Executor executor,
      Function<? super Claim<T>, ? extends CompletionStage<T>> work) {
    Objects.requireNonNull(request, "request");
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(executor, "executor");
    Objects.requireNonNull(work, "work");
    return CompletableFuture.supplyAsync(() -> begin(request, type), executor)
        .thenComposeAsync(
            claim ->
                claim instanceof OwnedClaim<T> owned
                    ? runAsync(owned, executor, work)
                    : CompletableFuture.completedFuture(replayed(claim)),
            executor);
  }

  private static <T> CompletionStage<Execution<T>> runAsync(
      OwnedClaim<T> claim,
      Executor executor,
      Function<? super Claim<T>, ? extends CompletionStage<T>> work) {
    CompletionStage<T> running;
    try {
      running = Objects.requireNonNull(work.apply(claim), "work returned null");
    } catch (Throwable failure) {
      endAfter(failure, claim);
      throw failure;
    }
    return running.handleAsync(
        (result, failure) -> {
          if (failure != null) {
            endAfter(unwrapped(failure), claim);
            throw new CompletionException(unwrapped(failure));
          }
          return completed(claim, result);
        },
        executor);
  }

  private static Throwable unwrapped(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  private <T, E extends Exception> Execution<T> runOnce(
      Request request, TypeToken<T> type, Operation<T, E> work) throws E {
    Objects.requireNonNull(work, "work");
    Claim<T> claim = begin(request, type);
    if (!(claim instanceof OwnedClaim<T> owned)) {
      return replayed(claim);
    }
    T result;
    try {
      result = work.run(owned);
    } catch (Throwable failure) {
      endAfter(failure, owned);
      throw failure;
    }
    return completed(owned, result);
  }

  private static <T> Execution<T> replayed(Claim<T> claim) {
    return new Execution<>(claim.result(), true, claim.attempt());
  }

  private static <T> Execution<T> completed(OwnedClaim<T> claim, @Nullable T result) {
    if (claim.isOpen()) {
      claim.complete(result);
    }
    return new Execution<>(result, false, claim.attempt());
  }

  private static void endAfter(Throwable failure, OwnedClaim<?> claim) {
    if (!claim.isOpen()) {
      return;
    }
    try {
      if (!claim.fail(failure)) {
        failure.addSuppressed(
            new IllegalStateException("the outcome was not kept: another caller has taken over"));
      }
    } catch (RuntimeException e) {
      if (e != failure) {
        failure.addSuppressed(e);
      }
    }
  }

  /**
   * Claims a key, for work that does not fit into one {@link Operation}. One round trip; two if
   * another caller has claimed the key before, and one for each time it asks while waiting for it,
   * as {@link #execute(Request, TypeToken, Operation)} does.
   *
   * <p>If Redis fails, so that this throws, a claim may have been left behind all the same; it is
   * taken back as soon as Redis can be asked again.
   *
   * @param request the request
   * @param type the type of the result
   * @param <T> the same
   * @return the claim, to be closed: the caller's to do, or a replay
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if no result of the type could be read back; nothing was run
   * @throws InProgressException if another caller is still working on it
   * @throws FingerprintMismatchException if the key was used with another fingerprint
   * @throws OutcomeOpenException if nobody knows what came of an earlier run
   * @throws ReplayedFailureException if the work was run before, and its failure is the answer
   * @throws StoredResultException if the work was run before, but its result cannot be had
   * @throws JedisException if Redis fails
   */
  public <T> Claim<T> begin(Request request, TypeToken<T> type) {
    codec.requireReadable(Objects.requireNonNull(type, "type"));
    Claiming claiming = claiming(Objects.requireNonNull(request, "request"));
    Duration wait = request.maxWaitOr(maxWait);
    return claimed(request, claiming, type, () -> run(claiming, wait));
  }

  private Found run(Claiming claiming, Duration wait) {
    withdrawals.settle(claiming.put().key());
    return claiming.run(wait);
  }

  /**
   * Claims many keys in one round trip to each server, for consumers of batches of messages; one
   * more round trip for each key that another caller has claimed. Waits for nobody.
   *
   * <p>If this throws, none is claimed, or will be as soon as Redis can be asked again.
   *
   * @param requests the requests; of one that is there twice, the second finds the first in
   *     progress
   * @param type the type of the results
   * @param <T> the same
   * @return what came of each, in the same order
   * @throws NullPointerException if an argument or a request is null
   * @throws IllegalArgumentException if no result of the type could be read back
   * @throws JedisException if Redis fails
   */
  public <T> List<Begun<T>> beginAll(List<Request> requests, TypeToken<T> type) {
    codec.requireReadable(Objects.requireNonNull(type, "type"));
    List<Request> all = List.copyOf(Objects.requireNonNull(requests, "requests"));
    if (all.isEmpty()) {
      return List.of();
    }
    List<Claiming> claimings = all.stream().map(this::claiming).toList();
    List<Begun<T>> begun = new ArrayList<>();
    try {
      claimings.forEach(claiming -> withdrawals.settle(claiming.put().key()));
      List<Supplier<@Nullable Stored>> found =
          records.putAll(claimings.stream().map(Claiming::put).toList());
      for (int n = 0; n < all.size(); n++) {
        begun.add(begun(all.get(n), claimings.get(n), type, found.get(n)));
      }
      return begun;
    } catch (RuntimeException e) {
      claimings.forEach(this::withdraw);
      throw e;
    }
  }

  private <T> Begun<T> begun(
      Request request, Claiming claiming, TypeToken<T> type, Supplier<@Nullable Stored> reply) {
    try {
      return Begun.claimed(
          request, claimed(request, claiming, type, () -> claiming.runAfter(reply)));
    } catch (IdempotencyException e) {
      return Begun.refused(request, e);
    }
  }

  private Claiming claiming(Request request) {
    long ttlMillis = request.ttlOr(ttl).toMillis();
    long leaseMillis = request.leaseOr(lease).toMillis();
    String fingerprint =
        request.fingerprint().map(IdempotencyService::digest).orElse(Stored.NO_FINGERPRINT);
    Stored wanted = Stored.claim(newToken(), ttlMillis, fingerprint);
    return new Claiming(
        records, keys.of(request.key(), "key"), wanted, leaseMillis + ttlMillis, Over.FREE);
  }

  private <T> Claim<T> claimed(
      Request request, Claiming claiming, TypeToken<T> type, Supplier<Found> asking) {
    boolean isWritten = false;
    boolean isOwned = false;
    try {
      Found found = found(request.key(), asking);
      if (found instanceof Written written) {
        isWritten = true;
        Claim<T> claim = owned(request, claiming, written, type);
        isOwned = true;
        return claim;
      }
      if (found instanceof InProgress other) {
        throw inProgress(request.key(), other);
      }
      return replay(request.key(), ((Answered) found).record(), type);
    } finally {
      if (!isOwned && (isWritten || claiming.isInDoubt())) {
        withdraw(claiming);
      }
    }
  }

  private Found found(String key, Supplier<Found> asking) {
    try {
      return asking.get();
    } catch (FingerprintMismatchException e) {
      listening.tell(listener -> listener.onMismatch(key));
      throw e;
    } catch (InProgressException e) {
      listening.tell(listener -> listener.onInProgress(key, e.retryAfter()));
      throw e;
    }
  }

  private void withdraw(Claiming claiming) {
    Records.Put put = claiming.put();
    withdrawals.add(put.key(), put.wanted().owner(), put.wanted().keepMillis());
  }

  private <T> Claim<T> owned(
      Request request, Claiming claiming, Written written, TypeToken<T> type) {
    OwnedClaim.Owner owner =
        new OwnedClaim.Owner(
            records,
            withdrawals,
            codec,
            rules,
            listening,
            request.key(),
            claiming.put().key(),
            request.ttlOr(ttl).toMillis());
    OwnedClaim<T> claim = new OwnedClaim<>(owner, written.record(), type);
    Duration maxHold = request.keepAliveOr(keepAlive);
    if (maxHold != null) {
      claim.keepAlive(request.leaseOr(lease), maxHold);
    }
    if (written.tookOver()) {
      listening.tell(listener -> listener.onTakenOver(request.key(), claim.attempt()));
    }
    listening.tell(listener -> listener.onRun(request.key(), claim.attempt()));
    return claim;
  }

  private InProgressException inProgress(String key, InProgress other) {
    listening.tell(listener -> listener.onInProgress(key, other.remaining()));
    return new InProgressException(other.remaining(), null);
  }

  private <T> Claim<T> replay(String key, Stored record, TypeToken<T> type) {
    if (record.phase() == Phase.OPEN) {
      listening.tell(listener -> listener.onOutcomeOpen(key));
      throw new OutcomeOpenException();
    }
    if (record.phase() != Phase.RESULTLESS) {
      listening.tell(listener -> listener.onReplayed(key, record.attempt()));
    }
    return new ReplayedClaim<>(codec.decode(answer(record), type), record.attempt());
  }

  /** The JSON of the result that a record holds. */
  private static String answer(Stored record) {
    return switch (record.phase()) {
      case COMPLETED -> record.body();
      case FAILED -> throw StoredFailure.decode(record.body());
      default ->
          throw new StoredResultException(
              "the work ran, but its result could not be stored; it runs again only once the record"
                  + " is forgotten or expires");
    };
  }

  /**
   * Tells what is known of a key, for operators. One round trip.
   *
   * @param key the request's key; 1 byte to 64 KiB
   * @return its state, never its result
   * @throws NullPointerException if {@code key} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws JedisException if Redis fails
   */
  public RecordStatus status(String key) {
    String redisKey = keys.of(key, "key");
    try {
      return RecordStatus.of(records.look(redisKey));
    } catch (StoredResultException e) {
      return RecordStatus.UNREADABLE;
    }
  }

  /**
   * Forgets what is known of a key, whatever it is, for operators. One round trip.
   *
   * <p>The next caller runs the work, even while another may still be running it; that one's result
   * is refused.
   *
   * @param key the request's key; 1 byte to 64 KiB
   * @return whether anything was known
   * @throws NullPointerException if {@code key} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws JedisException if Redis fails
   */
  @CanIgnoreReturnValue
  public boolean forget(String key) {
    String redisKey = keys.of(key, "key");
    String token = newToken();
    return Claiming.twice(() -> records.forget(redisKey, token));
  }

  /**
   * Returns the Redis key of the record of a key. No I/O.
   *
   * @param key the request's key; 1 byte to 64 KiB
   * @return the prefix, {@code name:} and the key in braces; in it {@code %}, <code>&#123;</code>
   *     and <code>&#125;</code> are percent-encoded, and a key of more than 200 bytes is there as
   *     its SHA-256
   * @throws NullPointerException if {@code key} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   */
  public String redisKey(String key) {
    return keys.of(key, "key");
  }

  private static String digest(String fingerprint) {
    String hex = Digests.sha256(fingerprint);
    // Half of it tells requests apart just as well and halves what it adds to a small record.
    return Stored.OWN + BASE64.encodeToString(HexFormat.of().parseHex(hex, 0, hex.length() / 2));
  }

  private static String newToken() {
    byte[] token = new byte[16];
    RANDOM.nextBytes(token);
    return BASE64.encodeToString(token);
  }

  /** The options of an {@link IdempotencyService}; not thread-safe. */
  public static final class Builder {

    private final RedisAccess redis;
    private RecordKeys keys;
    private Duration ttl = Duration.ofHours(24);
    private Duration lease = Duration.ofSeconds(60);
    private Duration maxWait = Duration.ZERO;
    private @Nullable Duration keepAlive;
    private int maxResultBytes = 1 << 20;
    private Json json = Json.standard();
    private FailureRules rules = FailureRules.DEFAULT;
    private Listening listening = Listening.NOBODY;

    /** What keeps the time; a test has its own. */
    Alarms alarms = Alarms.shared();

    private Builder(RedisAccess redis, String name) {
      this.redis = redis;
      this.keys = new RecordKeys(RecordKeys.DEFAULT_PREFIX, name);
    }

    /**
     * Sets what the Redis keys of this service begin with, before the name, for tenants and access
     * rules.
     *
     * @param prefix 1 to 64 characters other than <code>&#123;</code> and <code>&#125;</code>, the
     *     last of which is a colon; {@code idem:} by default
     * @return this
     * @throws NullPointerException if {@code prefix} is null
     * @throws IllegalArgumentException if it is empty, too long, has one of these characters or an
     *     unpaired surrogate, or does not end with a colon
     */
    @CanIgnoreReturnValue
    public Builder prefix(String prefix) {
      this.keys = keys.withPrefix(prefix);
      return this;
    }

    /**
     * Sets how long an answer is remembered, from the moment it is recorded.
     *
     * @param ttl 1 ms to 100 years; 24 hours by default
     * @return this
     * @throws NullPointerException if {@code ttl} is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder ttl(Duration ttl) {
      this.ttl = Durations.requireTtl(ttl);
      return this;
    }

    /**
     * Sets how long an owner may work before another caller takes over. Longer than the work can
     * take; a caller that comes after a crash waits for as long.
     *
     * @param lease 1 ms to 365 days; 60 seconds by default
     * @return this
     * @throws NullPointerException if {@code lease} is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder lease(Duration lease) {
      this.lease = Durations.requireLease(lease, "lease");
      return this;
    }

    /**
     * Has leases renewed while the work runs, so that a short lease does for long work: a third of
     * the lease after it was last set, over connections of the service's own. A JVM that dies
     * leaves its keys to others after one lease.
     *
     * @param maxHold after how long renewing ends, so that work that hangs does not keep its key
     *     for ever; 1 ms to 365 days; not at all by default
     * @return this
     * @throws NullPointerException if {@code maxHold} is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder keepAlive(Duration maxHold) {
      this.keepAlive = Durations.requireLease(maxHold, "maxHold");
      return this;
    }

    /**
     * Sets how long a caller waits for the result of another that is working on the same key. An
     * interrupt ends the wait with {@link InProgressException} and stays visible.
     *
     * @param maxWait at most 1 day; zero, the default, does not wait
     * @return this
     * @throws NullPointerException if {@code maxWait} is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder maxWait(Duration maxWait) {
      this.maxWait = Durations.requireWait(maxWait, "maxWait");
      return this;
    }

    /**
     * Sets the size above which a result is not stored.
     *
     * @param maxResultBytes of its JSON in UTF-8; 1 byte to 512 MiB; 1 MiB by default
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder maxResultBytes(int maxResultBytes) {
      Arguments.requireRange(maxResultBytes, "maxResultBytes", 1, LARGEST_RESULT);
      this.maxResultBytes = maxResultBytes;
      return this;
    }

    /**
     * Sets what turns results into JSON and back. All services that share keys must agree on it.
     * What is registered with it stays as it is. What Gson does by itself and nobody could read
     * back is refused, as {@code java.util.Date} in the JVM's own time zone. An unknown constant of
     * an enum is an error instead of null.
     *
     * @param gson the encoder; by default one that writes dates and {@code java.time} as ISO-8601
     *     text, keeps nulls, and reads strict JSON only
     * @return this
     * @throws NullPointerException if {@code gson} is null
     */
    @CanIgnoreReturnValue
    public Builder gson(Gson gson) {
      this.json = Json.of(gson);
      return this;
    }

    /**
     * Sets another mapper than Gson to turn results into JSON and back. All services that share
     * keys must agree on it.
     *
     * @param codec the mapper
     * @return this
     * @throws NullPointerException if {@code codec} is null
     */
    @CanIgnoreReturnValue
    public Builder codec(JsonCodec codec) {
      this.json = Json.of(codec);
      return this;
    }

    /**
     * Says what failures of a type mean. May be called for several types; the first that fits
     * counts, so name subclasses first.
     *
     * @param type the class of the failures, or a superclass
     * @param outcome what they mean
     * @return this
     * @throws NullPointerException if an argument is null
     */
    @CanIgnoreReturnValue
    public Builder onFailure(Class<? extends Throwable> type, FailureOutcome outcome) {
      Objects.requireNonNull(type, "type");
      this.rules = rules.with(type, Objects.requireNonNull(outcome, "outcome"));
      return this;
    }

    /**
     * Says what failures mean that are of none of the types named. By default all free the key.
     *
     * @param decide tells it; if this throws or returns null, the outcome is kept open
     * @return this
     * @throws NullPointerException if {@code decide} is null
     */
    @CanIgnoreReturnValue
    public Builder onFailure(Function<? super Throwable, FailureOutcome> decide) {
      this.rules = rules.otherwise(Objects.requireNonNull(decide, "decide"));
      return this;
    }

    /**
     * Sets who is told what happens to requests.
     *
     * @param listener told on the threads of the callers; nobody by default
     * @return this
     * @throws NullPointerException if {@code listener} is null
     */
    @CanIgnoreReturnValue
    public Builder listener(IdempotencyListener listener) {
      this.listening = new Listening(Objects.requireNonNull(listener, "listener"));
      return this;
    }

    /**
     * Creates the service. No I/O.
     *
     * @return a new service
     */
    public IdempotencyService build() {
      return new IdempotencyService(this);
    }
  }
}
