package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Renewal;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.idempotency.Stored.Phase;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/**
 * Changes records in Redis, each change one command or one script that writes the record together
 * with its time to live.
 *
 * <p>Claiming takes two steps. {@link #put} writes only where nothing is, and says what is there.
 * {@link #take} replaces what was seen there, and only that: a record that has got another owner or
 * sequence since is left alone. So neither has an effect when it arrives after anything else has
 * happened to the key, as long as that is remembered. That is why the end of a claim leaves a
 * record, for {@link #TOMBSTONE}, and why a caller that gives up claiming raises the sequence of
 * whatever is there.
 *
 * <p>Each change may arrive twice without a second effect, so a caller who does not know the
 * outcome may send it again. Nothing here does.
 */
final class Records {

  /**
   * How long an ended claim is remembered. Linux gives up sending what a closed connection has not
   * delivered after less than that; clients re-send for some seconds.
   */
  static final Duration TOMBSTONE = Duration.ofMinutes(2);

  /** Takes a record apart; ends the script here if this version cannot work with it. */
  private static final String PARTS =
      """
      local phase, owner, seq, vanished, keep, step, print, body
      if head then
        phase, owner, seq, vanished, keep, step, print, body =
            head:match('^2 ([PFCNOX]) (%S+) (%d+) (%d+) (%d+) (%d+) ([-.!]%S*) ()')
        if not phase or #owner ~= 22 or #seq > 15 or #vanished > 9 or #keep > 15 or #step > 9
            or print ~= '-' and #print ~= 23
            or (phase == 'C' or phase == 'X') ~= (body <= #head) then
          return {'unreadable'}
        end
        seq, vanished, keep, step =
            tonumber(seq), tonumber(vanished), tonumber(keep), tonumber(step)
      end
      """;

  /** The record {@code KEYS[1]} but for most of its body; all is nil if there is none. */
  private static final String HEAD =
      """
      local left = redis.call('PTTL', KEYS[1])
      local head = left ~= -2 and redis.call('GETRANGE', KEYS[1], 0, 127)
      """
          + PARTS
          + """
          if left == -1 and (phase == 'P' or phase == 'F') then return {'unreadable'} end
          """;

  /**
   * Replaces what was seen. ARGV: whether anything but an answer may be replaced, 1 or 0; the owner
   * and the sequence seen; the new owner, phase, time kept beyond the lease, time to live,
   * fingerprint and body.
   */
  private static final LuaScript TAKE =
      LuaScript.of(
          HEAD
              + """
              local free = phase == 'P' or phase == 'F'
              if owner == ARGV[4] and phase == ARGV[5] then
                return {'taken', seq, vanished, print}
              end
              if owner ~= ARGV[2] or seq ~= tonumber(ARGV[3]) then return {'changed'} end
              if ARGV[1] == '1' and (phase == 'O' or phase == 'N') then free = true end
              if not free then return {'changed'} end
              if print ~= '-' and ARGV[8] ~= '-' and print:sub(2) ~= ARGV[8]:sub(2) then
                return {'mismatch'}
              end
              if phase == 'P' and ARGV[1] ~= '1' then
                if left > keep then return {'live', left - keep} end
                vanished = vanished + 1
              end
              print = print == '-' and ARGV[8] or '!' .. print:sub(2)
              seq = seq + 1
              redis.call('SET', KEYS[1], table.concat(
                  {2, ARGV[5], ARGV[4], seq, vanished, ARGV[6], 0, print, ARGV[9]}, ' '),
                  'PX', ARGV[7])
              return {'taken', seq, vanished, print}
              """);

  /**
   * Ends a claim with an answer. ARGV: the claim, the answer, its time to live. Usually the record
   * is just that claim; the rest is for claims that others have touched and for re-sending.
   */
  private static final LuaScript SETTLE =
      LuaScript.of(
          """
          local head = redis.call('GET', KEYS[1])
          if head == ARGV[1] or not head then
            redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
            return {'settled'}
          end
          if head == ARGV[2] then return {'settled'} end
          """
              + PARTS
              + """
              if owner ~= ARGV[2]:sub(5, 26) or phase == 'F' then return {'lost'} end
              if phase ~= 'P' then return {'other'} end
              redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
              return {'settled'}
              """);

  /** ARGV: the owner, the number of the extension, the time to live. */
  private static final LuaScript EXTEND =
      LuaScript.of(
          HEAD
              + """
              if phase ~= 'P' or owner ~= ARGV[1] then return {'lost'} end
              if step < tonumber(ARGV[2]) then
                redis.call('SET', KEYS[1], table.concat(
                    {2, 'P', owner, seq, vanished, keep, ARGV[2], print, ''}, ' '), 'PX', ARGV[3])
              end
              return {'extended'}
              """);

  /**
   * Ends a claim without an answer. What the owner has found is kept: that others have vanished,
   * and their fingerprint. ARGV: the owner; how long to remember it, alone and with those before
   * it; whether a takeover of its may be under way, 1 or 0.
   */
  private static final LuaScript FREE =
      LuaScript.of(
          HEAD
              + """
              if not phase then
                redis.call('SET', KEYS[1], table.concat(
                    {2, 'F', ARGV[1], 1, 0, 0, 0, '-', ''}, ' '), 'PX', ARGV[2])
              elseif owner == ARGV[1] then
                if phase ~= 'F' then
                  local known = vanished > 0
                  print = known and print:sub(1, 1) == '!' and print or '-'
                  redis.call('SET', KEYS[1], table.concat(
                      {2, 'F', owner, seq + 1, vanished, 0, 0, print, ''}, ' '),
                      'PX', known and ARGV[3] or ARGV[2])
                end
              elseif ARGV[4] == '1' and (phase == 'P' or phase == 'F') then
                redis.call('SET', KEYS[1], table.concat(
                    {2, phase, owner, seq + 1, vanished, keep, step, print, ''}, ' '), 'KEEPTTL')
              end
              return {'free'}
              """);

  private static final LuaScript LOOK =
      LuaScript.of(
          HEAD
              + """
              if not phase then return {'absent'} end
              return {'found', phase, vanished, left, keep, print ~= '-' and 1 or 0}
              """);

  /** ARGV: a new owner, how long to remember it. */
  private static final LuaScript FORGET =
      LuaScript.of(
          """
          if redis.call('EXISTS', KEYS[1]) == 0 then return {'absent'} end
          if redis.call('TYPE', KEYS[1]).ok == 'string' then
            local head = redis.call('GETRANGE', KEYS[1], 0, 127)
            if head:sub(1, 26) == '2 F ' .. ARGV[1] then return {'forgotten'} end
            if head:match('^2 F %S+ %d+ 0 ') then return {'absent'} end
          end
          redis.call('SET', KEYS[1], table.concat(
              {2, 'F', ARGV[1], 1, 0, 0, 0, '-', ''}, ' '), 'PX', ARGV[2])
          return {'forgotten'}
          """);

  private final RedisAccess redis;
  private final Alarms alarms;

  Records(RedisAccess redis, Alarms alarms) {
    this.redis = redis;
    this.alarms = alarms;
  }

  /** The clock by which claims are renewed, waited for and taken back. */
  Ticker ticker() {
    return alarms.ticker();
  }

  /** Whether the pool or client is closed, for good. */
  boolean isClosed() {
    return redis.isClosed();
  }

  /** Whether a call that failed may have had its effect all the same. */
  boolean mayHaveRun(JedisException failure) {
    return Failures.mayHaveRun(failure, redis);
  }

  /** What came of trying to replace a record. */
  sealed interface Taken {}

  /** It is replaced. */
  record Mine(long sequence, int vanished, String fingerprint) implements Taken {}

  /** It is another's claim. */
  record Live(Duration remaining) implements Taken {}

  /** It is not what was seen any more. */
  enum Changed implements Taken {
    CHANGED
  }

  /** What came of ending a claim with an answer. */
  enum Settled {
    /** This is the answer now. */
    SETTLED,
    /** The claim has another answer already. */
    OTHER,
    /** The claim had ended, or been taken over. */
    LOST
  }

  /** What one sees of a record without its body. */
  record Look(Phase phase, int vanished, long leftMillis, long keepMillis, boolean hasFingerprint) {

    boolean isLive() {
      return phase == Phase.CLAIMED && leftMillis > keepMillis;
    }
  }

  /**
   * Writes a record if the key has none.
   *
   * @return what it has; null if it had none
   * @throws StoredResultException if that is unreadable
   */
  @Nullable Stored put(String key, Stored wanted, long ttlMillis) {
    return parsed(
        guarded(
            () -> redis.execute(redis.commands().setGet(key, wanted.text(), ifAbsent(ttlMillis)))));
  }

  /** As {@link #put}, once for each, in one round trip to each server. */
  List<Supplier<@Nullable Stored>> putAll(List<Put> puts) {
    List<RedisAccess.Keyed<String>> commands =
        puts.stream()
            .map(
                put ->
                    new RedisAccess.Keyed<>(
                        put.key(),
                        redis
                            .commands()
                            .setGet(put.key(), put.wanted().text(), ifAbsent(put.ttlMillis()))))
            .toList();
    return redis.executeAll(commands).stream()
        .<Supplier<@Nullable Stored>>map(outcome -> () -> parsed(guarded(outcome::get)))
        .toList();
  }

  /** What {@link #putAll} writes. */
  record Put(String key, Stored wanted, long ttlMillis) {}

  private static @Nullable Stored parsed(@Nullable String found) {
    return found == null ? null : Stored.parse(found);
  }

  private static SetParams ifAbsent(long ttlMillis) {
    return SetParams.setParams().nx().px(ttlMillis);
  }

  /** Which records may be replaced, but for those that have an answer: never. */
  enum Over {
    /** Those that nobody holds. */
    FREE("0"),
    /** All. */
    ANY("1");

    private final String argument;

    Over(String argument) {
      this.argument = argument;
    }
  }

  /**
   * Replaces a record that was seen.
   *
   * @throws FingerprintMismatchException if it has another fingerprint
   * @throws StoredResultException if it is unreadable
   */
  Taken take(String key, Stored seen, Stored wanted, long ttlMillis, Over over) {
    List<?> reply =
        run(
            TAKE,
            key,
            over.argument,
            seen.owner(),
            Long.toString(seen.sequence()),
            wanted.owner(),
            wanted.phase().letter(),
            Long.toString(wanted.keepMillis()),
            Long.toString(ttlMillis),
            wanted.fingerprint(),
            wanted.body());
    return switch (state(reply)) {
      case "taken" -> new Mine(number(reply, 1), Math.toIntExact(number(reply, 2)), text(reply, 3));
      case "live" -> new Live(Duration.ofMillis(number(reply, 1)));
      case "changed" -> Changed.CHANGED;
      case "mismatch" -> throw new FingerprintMismatchException();
      default -> throw unexpected(reply);
    };
  }

  /** Ends a claim with an answer, also where the claim is gone without a trace. */
  Settled settle(String key, Stored claim, Stored answer, long ttlMillis) {
    List<?> reply = run(SETTLE, key, claim.text(), answer.text(), Long.toString(ttlMillis));
    return switch (state(reply)) {
      case "settled" -> Settled.SETTLED;
      case "other" -> Settled.OTHER;
      case "lost" -> Settled.LOST;
      default -> throw unexpected(reply);
    };
  }

  /** Extends a claim unless it was by a later step; false if it is over. */
  boolean extend(String key, String owner, int step, long ttlMillis) {
    return isExtended(run(extension(key, owner, step, ttlMillis)));
  }

  /** What {@link #extend} sends. */
  static Renewable.Request extension(String key, String owner, int step, long ttlMillis) {
    return new Renewable.Request(
        EXTEND, List.of(key), List.of(owner, Integer.toString(step), Long.toString(ttlMillis)));
  }

  /** What the reply to {@link #extension} says. */
  static boolean isExtended(@Nullable Object reply) {
    return isEither((List<?>) Objects.requireNonNull(reply, "reply"), "extended", "lost");
  }

  /**
   * Ends whatever an owner has there.
   *
   * @param ttlMillis how long to remember owners that have vanished
   */
  void free(String key, String owner, long ttlMillis) {
    free(key, owner, ttlMillis, "0");
  }

  /** As {@link #free}, and keeps what the owner has sent to take over from having an effect. */
  void withdraw(String key, String owner, long ttlMillis) {
    free(key, owner, ttlMillis, "1");
  }

  private void free(String key, String owner, long ttlMillis, String mayTakeOver) {
    List<?> reply =
        run(
            FREE,
            key,
            owner,
            Long.toString(TOMBSTONE.toMillis()),
            Long.toString(ttlMillis),
            mayTakeOver);
    if (!state(reply).equals("free")) {
      throw unexpected(reply);
    }
  }

  /** Has a claim renewed until it is ended. */
  Renewal keep(String key, long leaseMillis, Renewable claim) {
    long end = ticker().nanoTime() + Renewals.certainNanos(leaseMillis);
    return Renewals.of(redis, alarms).keep(key, leaseMillis, end, claim);
  }

  /** What there is; null if there is nothing. */
  @Nullable Look look(String key) {
    List<?> reply = run(LOOK, key);
    return switch (state(reply)) {
      case "absent" -> null;
      case "found" ->
          new Look(
              Phase.of(text(reply, 1).charAt(0)),
              Math.toIntExact(number(reply, 2)),
              number(reply, 3),
              number(reply, 4),
              number(reply, 5) == 1);
      default -> throw unexpected(reply);
    };
  }

  /** The whole record; null if there is none. */
  @Nullable Stored get(String key) {
    return parsed(guarded(() -> redis.execute(redis.commands().get(key))));
  }

  /** Frees the key, whatever it has; false if there was nothing but ended claims. */
  boolean forget(String key, String owner) {
    List<?> reply = run(FORGET, key, owner, Long.toString(TOMBSTONE.toMillis()));
    return isEither(reply, "forgotten", "absent");
  }

  private List<?> run(LuaScript script, String key, String... args) {
    return run(new Renewable.Request(script, List.of(key), List.of(args)));
  }

  private List<?> run(Renewable.Request request) {
    Object reply = guarded(() -> request.script().run(redis, request.keys(), request.args()));
    return (List<?>) Objects.requireNonNull(reply, "reply");
  }

  private static <T extends @Nullable Object> T guarded(Supplier<T> call) {
    try {
      return call.get();
    } catch (JedisDataException e) {
      if (Failures.code(e).equals("WRONGTYPE")) {
        throw unreadable();
      }
      throw e;
    }
  }

  static StoredResultException unreadable() {
    return new StoredResultException(
        "the record of this key is damaged or of another version; it is left as it is until"
            + " forgotten");
  }

  private static String state(List<?> reply) {
    return text(reply, 0);
  }

  private static String text(List<?> reply, int index) {
    return (String) Objects.requireNonNull(reply.get(index));
  }

  private static long number(List<?> reply, int index) {
    return (Long) Objects.requireNonNull(reply.get(index));
  }

  private static boolean isEither(List<?> reply, String yes, String no) {
    if (state(reply).equals(yes)) {
      return true;
    }
    if (state(reply).equals(no)) {
      return false;
    }
    throw unexpected(reply);
  }

  private static RuntimeException unexpected(List<?> reply) {
    return state(reply).equals("unreadable")
        ? unreadable()
        : new IllegalStateException("a script replied " + state(reply));
  }
}
