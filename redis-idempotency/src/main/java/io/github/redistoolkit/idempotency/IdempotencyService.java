package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Digests;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.json.JsonCodec;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * Runs the work of a request once per key, and replays its result to everyone who asks again.
 *
 * <pre>{@code
 * IdempotencyService service = new IdempotencyService(pool, Duration.ofHours(24));
 * Receipt receipt = service.execute("acme:POST/payments:" + clientKey, Receipt.class, () -> charge());
 * }</pre>
 *
 * <p><b>Guarantee.</b> Of all callers of one key, in whatever JVMs, one at a time owns it, and once
 * one has completed, nobody runs the work again until the ttl has passed; they get its result. An
 * owner is known by a token that is new each time: one that was too slow and has been taken over
 * neither changes nor deletes what belongs to another. A key that was used with one fingerprint is
 * refused with another, from the first claim on.
 *
 * <p><b>Limit.</b> Exactly once is impossible across a crash: of an owner that vanished between its
 * effect and its completion nobody knows whether the effect happened. The next caller after the
 * lease runs the work and sees {@link Claim#attempt} above 1; pass the key on, so that what stands
 * behind can tell, or look there first. Likewise two owners may run at once if one outlasts its
 * lease: choose the lease longer than the work can take, or {@link Claim#extend} it. Redis keeps
 * the record, so its losses are losses here: a failover may lose a claim that no replica had yet,
 * and an evicting Redis forgets (run it with {@code maxmemory-policy noeviction}).
 *
 * <p><b>Keys.</b> A key names a request, so it should hold everything that tells two requests
 * apart: tenant, route, and the key that the client sent, or one client could read the results of
 * another. Keys of up to 128 characters of {@code A-Za-z0-9_.:-} are readable in Redis, all others
 * are there as SHA-256. The fingerprint is text that tells whether a request is the same, such as a
 * digest of its body; only 128 bits of its SHA-256 are stored. Results are stored as they are, as
 * JSON.
 *
 * <p><b>Results.</b> What is replayed is equal to what the work returned, in every JVM that has the
 * same classes. A type of which no result could be read back, such as an {@code Optional<Thread>},
 * is refused before the work runs. A result that would come back different, such as a subclass of
 * the declared type, is not recorded: {@link ResultNotRecordedException} carries it, its cause
 * names the type and the path, and the work never runs again. See {@link
 * io.github.redistoolkit.json.JsonCodec} for what is tried, and for other mappers than Gson.
 *
 * <p><b>When classes change</b>, results of the old version are replayed to the new for as long as
 * the ttl, and for a while the other way round. A field that a result lacks is null or zero; one
 * that the class lacks is ignored; one that was renamed is both, unless {@code @SerializedName}
 * names the old one as an alternate. A constant that the enum lacks (an added one in the old JVMs,
 * a removed one in the new), a field that no longer fits its type, and what the constructor refuses
 * are a {@link StoredResultException}, logged once per type; the work does not run again, and the
 * result stays. This is how Gson reads; another mapper has rules of its own.
 *
 * <p><b>Cost and failure.</b> Each method says its round trips; the first call to a server that
 * does not know a script yet takes one more. Every record expires by itself: a completion after the
 * ttl, a claim that nobody ends after its lease and the ttl, so that a crash is known for as long.
 * If Redis fails, Jedis's exception comes through and nothing was run, except where a method says
 * otherwise. A connection that breaks during a write is answered by asking once more, which has no
 * second effect. No connection is held while the work runs or a caller waits.
 *
 * <p>Thread-safe, also on virtual threads; owns no thread and needs no closing. The pool or client
 * stays the caller's.
 */
public final class IdempotencyService {

  static {
    ModuleVersion.check();
  }

  private static final Duration LONGEST = Duration.ofDays(3650);
  private static final long LARGEST_RESULT = 512L << 20;
  private static final long LEAST_POLL_PAUSE_MILLIS = 100;
  private static final long MOST_POLL_PAUSE_MILLIS = 150;
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

  private final RecordKeys keys;
  private final Records records;
  private final ResultCodec codec;
  private final Duration lease;
  private final Duration waitFor;

  /**
   * Creates a service with the defaults of {@link Builder}.
   *
   * @param pool where connections come from
   * @param ttl how long a completion is remembered; 1 ms to 3650 days
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code ttl} is out of range
   */
  public IdempotencyService(Pool<Jedis> pool, Duration ttl) {
    this(builder(pool).ttl(ttl));
  }

  /**
   * Creates a service with the defaults of {@link Builder}.
   *
   * @param client the client to use
   * @param ttl how long a completion is remembered; 1 ms to 3650 days
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code ttl} is out of range
   */
  public IdempotencyService(UnifiedJedis client, Duration ttl) {
    this(builder(client).ttl(ttl));
  }

  private IdempotencyService(Builder builder) {
    this.keys = builder.keys;
    this.records = new Records(builder.redis, builder.ttl);
    this.codec = new ResultCodec(builder.json, builder.maxResultBytes);
    this.lease = builder.lease;
    this.waitFor = builder.waitFor;
  }

  /**
   * Starts a service on a pool, such as {@code JedisPool} or {@code JedisSentinelPool}.
   *
   * @param pool where connections come from
   * @return a builder with the defaults
   * @throws NullPointerException if {@code pool} is null
   */
  public static Builder builder(Pool<Jedis> pool) {
    return new Builder(RedisAccess.of(pool));
  }

  /**
   * Starts a service on a client: {@code RedisClient}, {@code RedisSentinelClient} or {@code
   * RedisClusterClient}.
   *
   * @param client the client to use
   * @return a builder with the defaults
   * @throws NullPointerException if {@code client} is null
   */
  public static Builder builder(UnifiedJedis client) {
    return new Builder(RedisAccess.of(client));
  }

  /**
   * Tells whether a request was completed or is being worked on. One round trip.
   *
   * <p>Only a look: two callers may both be told false. {@link #execute} lets one of them run.
   *
   * @param requestId the request's key; 1 to 255 characters
   * @return true if it is completed, with or without a result, or claimed by a live lease
   * @throws NullPointerException if {@code requestId} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws StoredResultException if its record is damaged
   * @throws JedisException if Redis fails
   */
  public boolean isDuplicate(String requestId) {
    return records.isTaken(keys.of(requestId, "requestId"));
  }

  /**
   * Records a request as completed, for work that was run without {@link #execute}. The first wins.
   * One round trip.
   *
   * <p>If the connection breaks and so does the second attempt, the result may have been kept or
   * not; Jedis's exception says so.
   *
   * @param requestId the request's key; 1 to 255 characters
   * @param result its result, encoded as its own class has it; may be null. Ask for that class, or
   *     for the type that a list, a map or a generic class is an instance of; asked for {@code
   *     Object}, numbers are {@code Long} or {@code Double}
   * @return true if this result is now the stored one; false if it was not kept, because there is a
   *     completion already or a live claim
   * @throws NullPointerException if {@code requestId} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws ResultNotRecordedException if the result cannot be encoded or is too large; the request
   *     is recorded as completed without it
   * @throws StoredResultException if the request's record is damaged
   * @throws JedisException if Redis fails
   */
  public boolean storeRequest(String requestId, @Nullable Object result) {
    String key = keys.of(requestId, "requestId");
    ResultCodec.Encoded encoded = codec.encodeAsItIs(result);
    boolean kept = records.store(key, newToken(), encoded);
    if (kept && encoded instanceof ResultCodec.Unfit unfit) {
      throw new ResultNotRecordedException(unfit.reason(), result, unfit.cause());
    }
    return kept;
  }

  /**
   * Returns the stored result of a request. One round trip; does not prolong its ttl.
   *
   * @param requestId the request's key; 1 to 255 characters
   * @param type the class of the result
   * @param <T> the same
   * @return the result; empty if the request is not completed, or its result is null
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code requestId} is empty, too long or not valid Unicode
   * @throws StoredResultException if the request is completed without a stored result, or the
   *     result is not a {@code type}, or the record is damaged
   * @throws JedisException if Redis fails
   */
  public <T> Optional<T> getResult(String requestId, Class<T> type) {
    return getResult(requestId, TypeToken.get(Objects.requireNonNull(type, "type")));
  }

  /**
   * As {@link #getResult(String, Class)}, for a generic type.
   *
   * @param requestId the request's key; 1 to 255 characters
   * @param type the type of the result
   * @param <T> the same
   * @return the result; empty if the request is not completed, or its result is null
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code requestId} is empty, too long or not valid Unicode
   * @throws StoredResultException if the request is completed without a stored result, or the
   *     result is not a {@code type}, or the record is damaged
   * @throws JedisException if Redis fails
   */
  public <T> Optional<T> getResult(String requestId, TypeToken<T> type) {
    Objects.requireNonNull(type, "type");
    String json = records.result(keys.of(requestId, "requestId"));
    return json == null ? Optional.empty() : Optional.ofNullable(codec.decode(json, type));
  }

  /**
   * As {@link #execute(String, String, TypeToken, Operation)}, for a plain class and without a
   * fingerprint.
   *
   * @param key the request's key; 1 to 255 characters
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
    return runOnce(key, null, TypeToken.get(Objects.requireNonNull(type, "type")), work);
  }

  /**
   * Runs the work unless it was run before under this key, and returns its result either way.
   *
   * <p>If another caller is working on the key, waits for its result up to {@link Builder#waitFor},
   * asking at most ten times a second. If the work throws, the key is free again at once and the
   * same object is thrown; should freeing it fail, that failure is suppressed in it and the key is
   * free after the lease.
   *
   * <p>Two round trips to run, one to replay.
   *
   * @param key the request's key; 1 to 255 characters
   * @param fingerprint text that is the same if and only if the request is; not empty
   * @param type the type of the result
   * @param work what to run once; must not use the same key itself
   * @param <T> the type of the result
   * @param <E> the checked exception of the work
   * @return the result of the work, run now (the very object) or before (decoded anew); null if it
   *     was null
   * @throws E if the work throws it
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code key} or {@code fingerprint} is empty or not valid
   *     Unicode, or {@code key} too long, or no result of the type could be read back; nothing was
   *     run
   * @throws InProgressException if another caller is still working on it; nothing was run
   * @throws FingerprintMismatchException if the key was used with another fingerprint; nothing was
   *     run
   * @throws StoredResultException if the work was run before, but its result cannot be had; nothing
   *     was run
   * @throws ResultNotRecordedException if the work ran, but its result was not recorded
   * @throws JedisException if Redis failed before the work; nothing was run
   */
  @CanIgnoreReturnValue
  public <T, E extends Exception> @Nullable T execute(
      String key, String fingerprint, TypeToken<T> type, Operation<T, E> work) throws E {
    return runOnce(key, Objects.requireNonNull(fingerprint, "fingerprint"), type, work);
  }

  /**
   * Claims a key, for work that does not fit into one {@link Operation}. One round trip, or one for
   * each time it asks while waiting for another caller, as {@link #execute} does.
   *
   * <p>If Redis fails, so that this throws, a claim may have been left behind all the same; it ends
   * with its lease.
   *
   * @param key the request's key; 1 to 255 characters
   * @param fingerprint text that is the same if and only if the request is, not empty; null to
   *     check nothing
   * @param type the type of the result
   * @param <T> the same
   * @return the claim, to be closed: the caller's to do, or a replay
   * @throws NullPointerException if {@code key} or {@code type} is null
   * @throws IllegalArgumentException if {@code key} or {@code fingerprint} is empty or not valid
   *     Unicode, or {@code key} too long, or no result of the type could be read back; nothing was
   *     run
   * @throws InProgressException if another caller is still working on it
   * @throws FingerprintMismatchException if the key was used with another fingerprint
   * @throws StoredResultException if the work was run before, but its result cannot be had
   * @throws JedisException if Redis fails
   */
  public <T> Claim<T> begin(String key, @Nullable String fingerprint, TypeToken<T> type) {
    String recordKey = keys.of(key, "key");
    String digest = fingerprint == null ? "" : digest(fingerprint);
    codec.requireReadable(Objects.requireNonNull(type, "type"));
    String token = newToken();
    long start = System.nanoTime();
    while (true) {
      Records.Begun begun = records.begin(recordKey, token, digest, lease);
      if (begun instanceof Records.Completed done) {
        return new ReplayedClaim<>(codec.decode(done.json(), type), done.attempt());
      }
      if (begun instanceof Records.Owned owned) {
        OwnedClaim.Owner owner = new OwnedClaim.Owner(recordKey, token, digest, owned.attempt());
        return new OwnedClaim<>(records, codec, owner, type);
      }
      pauseForOther((Records.Live) begun, waitFor.toNanos() - (System.nanoTime() - start));
    }
  }

  /**
   * Deletes what is known of a key, whatever it is, for operators. One round trip.
   *
   * <p>The next caller runs the work, even while another may still be running it.
   *
   * @param key the request's key; 1 to 255 characters
   * @return whether there was a record; false also if a {@code RedisClusterClient} got no reply
   *     and, without a word, sent the command again
   * @throws NullPointerException if {@code key} is null
   * @throws IllegalArgumentException if it is empty, too long or not valid Unicode
   * @throws JedisException if Redis fails
   */
  @CanIgnoreReturnValue
  public boolean forget(String key) {
    return records.delete(keys.of(key, "key"));
  }

  /** The Redis key of the record of a key. */
  String recordKey(String key) {
    return keys.of(key, "key");
  }

  @CanIgnoreReturnValue
  static Duration requireLease(Duration lease) {
    return Arguments.requireDuration(lease, "lease", LONGEST);
  }

  private <T, E extends Exception> @Nullable T runOnce(
      String key, @Nullable String fingerprint, TypeToken<T> type, Operation<T, E> work) throws E {
    Objects.requireNonNull(work, "work");
    Claim<T> claim = begin(key, fingerprint, type);
    if (claim.isReplay()) {
      return claim.result();
    }
    T result;
    try {
      result = work.run();
    } catch (Throwable failure) {
      abandonAfter(failure, claim);
      throw failure;
    }
    claim.complete(result);
    return result;
  }

  private static void abandonAfter(Throwable failure, Claim<?> claim) {
    try {
      claim.abandon();
    } catch (RuntimeException e) {
      if (e != failure) {
        failure.addSuppressed(e);
      }
    }
  }

  private static void pauseForOther(Records.Live other, long nanosLeft) {
    if (nanosLeft <= 0) {
      throw new InProgressException(other.remaining(), null);
    }
    // Jittered, so that the waiters of one key do not ask all at once.
    long millis =
        ThreadLocalRandom.current().nextLong(LEAST_POLL_PAUSE_MILLIS, MOST_POLL_PAUSE_MILLIS + 1);
    try {
      TimeUnit.NANOSECONDS.sleep(Math.min(nanosLeft, TimeUnit.MILLISECONDS.toNanos(millis)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InProgressException(other.remaining(), e);
    }
  }

  private static String digest(String fingerprint) {
    String hex = Digests.sha256(Arguments.requireText(fingerprint, "fingerprint"));
    // Half of it tells requests apart just as well and halves what it adds to a small record.
    return BASE64.encodeToString(HexFormat.of().parseHex(hex, 0, hex.length() / 2));
  }

  private static String newToken() {
    byte[] token = new byte[16];
    RANDOM.nextBytes(token);
    return BASE64.encodeToString(token);
  }

  /** The options of an {@link IdempotencyService}; not thread-safe. */
  public static final class Builder {

    private final RedisAccess redis;
    private RecordKeys keys = new RecordKeys("default");
    private Duration ttl = Duration.ofHours(24);
    private Duration lease = Duration.ofSeconds(60);
    private Duration waitFor = Duration.ZERO;
    private int maxResultBytes = 1 << 20;
    private Json json = Json.standard();

    private Builder(RedisAccess redis) {
      this.redis = redis;
    }

    /**
     * Sets what keeps the keys of this service apart from those of others on the same Redis.
     *
     * @param namespace 1 to 64 characters other than {@code :}, <code>&#123;</code> and <code>
     *     &#125;</code>; {@code default} by default
     * @return this
     * @throws NullPointerException if {@code namespace} is null
     * @throws IllegalArgumentException if it is empty, too long or has one of these characters
     */
    @CanIgnoreReturnValue
    public Builder namespace(String namespace) {
      this.keys = new RecordKeys(namespace);
      return this;
    }

    /**
     * Sets how long a completion is remembered, from the moment it is recorded.
     *
     * @param ttl 1 ms to 3650 days; 24 hours by default
     * @return this
     * @throws NullPointerException if {@code ttl} is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder ttl(Duration ttl) {
      this.ttl = Arguments.requireDuration(ttl, "ttl", LONGEST);
      return this;
    }

    /**
     * Sets how long an owner may work before another caller takes over. Longer than the work can
     * take; a caller that comes after a crash waits for as long.
     *
     * @param lease 1 ms to 3650 days; 60 seconds by default
     * @return this
     * @throws NullPointerException if {@code lease} is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder lease(Duration lease) {
      this.lease = requireLease(lease);
      return this;
    }

    /**
     * Sets how long a caller waits for the result of another that is working on the same key. An
     * interrupt ends the wait with {@link InProgressException} and stays visible.
     *
     * @param waitFor at most 3650 days; zero, the default, does not wait
     * @return this
     * @throws NullPointerException if {@code waitFor} is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder waitFor(Duration waitFor) {
      Objects.requireNonNull(waitFor, "waitFor");
      if (waitFor.isNegative() || waitFor.compareTo(LONGEST) > 0) {
        throw new IllegalArgumentException(
            "waitFor must be from zero to " + LONGEST + ", but is " + waitFor);
      }
      this.waitFor = waitFor;
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
     * What is registered with it stays as it is; what Gson does by itself and nobody could read
     * back is refused, as {@code java.util.Date} in the JVM's own time zone, and an unknown
     * constant of an enum is an error instead of null.
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
     * Creates the service. No I/O.
     *
     * @return a new service
     */
    public IdempotencyService build() {
      return new IdempotencyService(this);
    }
  }
}
