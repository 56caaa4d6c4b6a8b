package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.idempotency.ResultCodec.Encoded;
import io.github.redistoolkit.idempotency.ResultCodec.Fit;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The state machine of a record: one Redis string, changed by one script at a time.
 *
 * <p>It is seven words with a space between: the format, 1; the phase: P in progress, C completed,
 * N completed without a result; the token of the owner; the attempt; in progress the end of the
 * lease, in milliseconds of Redis's clock, else 0; the digest of the fingerprint, empty if none was
 * given; completed: the result, which may have spaces of its own. A string is written together with
 * its time to live, so no failure leaves one without the other.
 *
 * <p>Each script may run twice for the same token without a second effect. That is used here: when
 * a connection breaks in a write, so that the outcome is unknown, the script is sent once more. The
 * two that end a claim leave that to their caller, who is more patient.
 */
final class Records {

  /**
   * Names the state of the record {@code KEYS[1]}; ends the script here if the record is not one
   * that this version can work with.
   */
  private static final String STATE =
      """
      local record = redis.call('GET', KEYS[1])
      local state = 'absent'
      local phase, owner, attempt, deadline, fingerprint, at
      if record then
        phase, owner, attempt, deadline, fingerprint, at =
            record:match('^1 ([PCN]) (%S+) (%d+) (%d+) (%S*) ()')
        if not phase or #attempt > 9 or #deadline > 15 or phase == 'C' and at > #record then
          return {'unreadable'}
        end
        state = phase == 'P' and 'claimed' or phase == 'C' and 'completed' or 'resultless'
      end
      """;

  private static final String NOW =
      """
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      """;

  /** ARGV: token, fingerprint or '', lease and time to keep the record in ms. */
  private static final LuaScript BEGIN =
      LuaScript.of(
          STATE
              + """
              local known = fingerprint or ''
              if ARGV[2] ~= '' and known ~= '' and known ~= ARGV[2] then return {'mismatch'} end
              if state == 'completed' then return {state, tonumber(attempt), record:sub(at)} end
              if state == 'resultless' then return {state} end
              """
              + NOW
              + """
              local mine = owner == ARGV[1]
              if state == 'claimed' and not mine and now < tonumber(deadline) then
                return {'live', deadline - now}
              end
              local tries = mine and tonumber(attempt) or (attempt or 0) + 1
              local ends = string.format('%.0f', now + ARGV[3])
              redis.call('SET', KEYS[1], table.concat(
                  {1, 'P', ARGV[1], tries, ends, known ~= '' and known or ARGV[2], ''}, ' '),
                  'PX', ARGV[4])
              return {'owned', tries}
              """);

  /** Makes the record completed. ARGV: token, fingerprint or '', ttl in ms, phase, result. */
  private static final String KEEP =
      """
      local digest = ARGV[2] ~= '' and ARGV[2] or fingerprint or ''
      redis.call('SET', KEYS[1], table.concat(
          {1, ARGV[4], ARGV[1], tries, 0, digest, ARGV[5]}, ' '), 'PX', ARGV[3])
      return {'kept'}
      """;

  /** ARGV: as for KEEP, then the attempt. */
  private static final LuaScript COMPLETE =
      LuaScript.of(
          STATE
              + """
              if state ~= 'absent' and owner ~= ARGV[1] then return {'lost'} end
              if state == 'completed' or state == 'resultless' then return {'kept'} end
              local tries = ARGV[6]
              """
              + KEEP);

  /** ARGV: as for KEEP. */
  private static final LuaScript STORE =
      LuaScript.of(
          STATE
              + """
              if owner == ARGV[1] then return {'kept'} end
              if state == 'completed' or state == 'resultless' then return {'taken'} end
              """
              + NOW
              + """
              if state == 'claimed' and now < tonumber(deadline) then return {'taken'} end
              local tries = (attempt or 0) + 1
              """
              + KEEP);

  /** ARGV: token, lease and time to keep the record in ms. */
  private static final LuaScript EXTEND =
      LuaScript.of(
          STATE
              + """
              if state ~= 'claimed' or owner ~= ARGV[1] then return {'lost'} end
              """
              + NOW
              + """
              local ends = string.format('%.0f', now + ARGV[2])
              redis.call('SET', KEYS[1], table.concat(
                  {1, 'P', owner, attempt, ends, fingerprint, ''}, ' '), 'PX', ARGV[3])
              return {'extended'}
              """);

  /** ARGV: token. */
  private static final LuaScript ABANDON =
      LuaScript.of(
          STATE
              + """
              if state == 'claimed' and owner == ARGV[1] then redis.call('DEL', KEYS[1]) end
              return {'abandoned'}
              """);

  private static final LuaScript LOOK =
      LuaScript.of(
          STATE
              + NOW
              + """
              if state ~= 'claimed' then return {state} end
              return {now < tonumber(deadline) and 'live' or 'expired'}
              """);

  private static final LuaScript RESULT =
      LuaScript.of(
          STATE
              + """
              return {state, state == 'completed' and record:sub(at) or nil}
              """);

  private final RedisAccess redis;
  private final long ttlMillis;

  Records(RedisAccess redis, Duration ttl) {
    this.redis = redis;
    this.ttlMillis = ttl.toMillis();
  }

  /** What a caller finds that wants to do the work. */
  sealed interface Begun {}

  /** The work is the caller's to do. */
  record Owned(int attempt) implements Begun {}

  /** The work was done; its result as JSON. */
  record Completed(int attempt, String json) implements Begun {}

  /** Another caller does the work. */
  record Live(Duration remaining) implements Begun {}

  /**
   * Claims the key for a token.
   *
   * @throws FingerprintMismatchException if the record has another fingerprint
   * @throws StoredResultException if the record has no result or is unreadable
   */
  Begun begin(String key, String token, String fingerprint, Duration lease) {
    Reply reply = send(BEGIN, key, token, fingerprint, millis(lease), kept(lease));
    return switch (reply.state()) {
      case "owned" -> new Owned(Math.toIntExact(reply.integer(1)));
      case "completed" -> new Completed(Math.toIntExact(reply.integer(1)), reply.text(2));
      case "live" -> new Live(Duration.ofMillis(reply.integer(1)));
      case "resultless" -> throw withoutResult();
      case "mismatch" -> throw new FingerprintMismatchException();
      default -> throw reply.unexpected();
    };
  }

  /**
   * Completes the claim of a token; records the completion also where the claim is gone.
   *
   * @return false if another token has the record
   */
  boolean complete(String key, String token, String fingerprint, int attempt, Encoded result) {
    Reply reply =
        receive(
            COMPLETE,
            key,
            token,
            fingerprint,
            Long.toString(ttlMillis),
            phase(result),
            json(result),
            Integer.toString(attempt));
    return reply.isEither("kept", "lost");
  }

  /** Records a completion that had no claim; false if there is another completion or claim. */
  boolean store(String key, String token, Encoded result) {
    return send(STORE, key, token, "", Long.toString(ttlMillis), phase(result), json(result))
        .isEither("kept", "taken");
  }

  /** Lets the lease of a token end so long from now; false if the claim is not the token's. */
  boolean extend(String key, String token, Duration lease) {
    return send(EXTEND, key, token, millis(lease), kept(lease)).isEither("extended", "lost");
  }

  /** Deletes the claim of a token, if it is that token's and not completed. */
  void abandon(String key, String token) {
    Reply reply = receive(ABANDON, key, token);
    if (!reply.state().equals("abandoned")) {
      throw reply.unexpected();
    }
  }

  /** Whether there is a completion or a live claim. */
  boolean isTaken(String key) {
    Reply reply = receive(LOOK, key);
    return switch (reply.state()) {
      case "live", "completed", "resultless" -> true;
      case "absent", "expired" -> false;
      default -> throw reply.unexpected();
    };
  }

  /** The result as JSON; null if there is no completion. */
  @Nullable String result(String key) {
    Reply reply = receive(RESULT, key);
    return switch (reply.state()) {
      case "completed" -> reply.text(1);
      case "absent", "claimed" -> null;
      case "resultless" -> throw withoutResult();
      default -> throw reply.unexpected();
    };
  }

  /** Deletes the record, whatever it is; false if there was none. */
  boolean delete(String key) {
    return redis.execute(redis.commands().unlink(key)) > 0;
  }

  private static StoredResultException withoutResult() {
    return new StoredResultException(
        "the work ran, but its result could not be stored; it runs again only once the record is"
            + " forgotten or expires");
  }

  private static String phase(Encoded result) {
    return result instanceof Fit ? "C" : "N";
  }

  private static String json(Encoded result) {
    return result instanceof Fit fit ? fit.json() : "";
  }

  private static String millis(Duration duration) {
    return Long.toString(duration.toMillis());
  }

  /** How long a claim's record is kept: so that a crash is still known for the ttl after it. */
  private String kept(Duration lease) {
    return Long.toString(lease.toMillis() + ttlMillis);
  }

  private Reply send(LuaScript script, String key, String... args) {
    try {
      return receive(script, key, args);
    } catch (JedisConnectionException first) {
      if (Thread.currentThread().isInterrupted()) {
        throw first;
      }
      try {
        return receive(script, key, args);
      } catch (JedisException second) {
        if (second != first) {
          second.addSuppressed(first);
        }
        throw second;
      }
    }
  }

  private Reply receive(LuaScript script, String key, String... args) {
    try {
      Object reply = script.run(redis, List.of(key), List.of(args));
      return new Reply((List<?>) Objects.requireNonNull(reply, "reply"));
    } catch (JedisDataException e) {
      if (String.valueOf(e.getMessage()).startsWith("WRONGTYPE")) {
        throw unreadable();
      }
      throw e;
    }
  }

  private static StoredResultException unreadable() {
    return new StoredResultException(
        "the record of this key is damaged or of another version; it is left as it is until"
            + " forgotten");
  }

  /** A script's reply: the name of a state, then what belongs to it. */
  private record Reply(List<?> parts) {

    String state() {
      return text(0);
    }

    long integer(int index) {
      return (Long) part(index);
    }

    String text(int index) {
      return (String) part(index);
    }

    /** Whether the state is the first of the only two that can be. */
    boolean isEither(String yes, String no) {
      if (state().equals(yes)) {
        return true;
      }
      if (state().equals(no)) {
        return false;
      }
      throw unexpected();
    }

    RuntimeException unexpected() {
      return state().equals("unreadable")
          ? unreadable()
          : new IllegalStateException("a script replied " + state());
    }

    private Object part(int index) {
      return Objects.requireNonNull(parts.get(index));
    }
  }
}
