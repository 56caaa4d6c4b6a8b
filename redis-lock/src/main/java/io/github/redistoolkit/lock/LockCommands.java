package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisKeys;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What a lock of one name says to Redis: each method is one round trip.
 *
 * <p>Three keys in one slot: the lock itself ({@code lock:{name}}), a string that is the owner id
 * of the lease and expires with it; its state ({@code :s}), a hash of the last token, the last
 * released owners, until when somebody waits and until when the lock is promised; and the wake list
 * ({@code :q}), on which waiters block and to which a release pushes at most one element.
 *
 * <p>All that is read comes before all that is written, so that a key of a foreign type fails a
 * script before it has changed anything. So is asked, of what may not exist yet, whether the user
 * may set a TTL: a key that has none is never left behind. (To try it would be a write, after which
 * Redis lets a script go on that it should refuse for lack of memory.)
 */
final class LockCommands {

  /** A wake value for callers that take a free lock even if it is promised to a woken waiter. */
  static final String PROMISED_OR_NOT = "*";

  /** A wake value for callers that were not woken. */
  static final String NOT_WOKEN = "";

  private static final Duration SHORTEST_MEMORY = Duration.ofHours(24);

  private static final String ASK_PERMISSION_TO_EXPIRE =
      """
      local function ask_permission_to_expire(key)
        if not redis.acl_check_cmd('PEXPIRE', key, 1) then
          error({err = 'NOPERM this user has no permissions to run PEXPIRE on the key'})
        end
      end
      """;

  /**
   * KEYS: lock, state, wake list. ARGV: owner, lease in ms, memory of the state in ms, for how many
   * ms the caller will block if refused (0: not), the wake value it got.
   *
   * <p>Returns the token, or, refused, -1 minus the ms for which the lock is held at most.
   *
   * <p>The token rises with the server's microseconds, so it also rises over a loss of all data,
   * and stays exact in Lua's doubles until the year 2255. A free lock that has been promised to a
   * woken waiter is refused to those who come later, for the few milliseconds that the waiter needs
   * to ask for it, or newcomers would overtake it again and again. If the wake element is still
   * there, no one was blocked to take it. A caller that will block is written down unless somebody
   * is for almost as long, and the state's expiry is put off once an hour, which is written in the
   * last token: what is free and wanted by no one else costs four commands. A request that is
   * repeated never brings the end of the lease forward, since it may arrive after an extension.
   */
  private static final LuaScript ACQUIRE =
      LuaScript.of(
          ASK_PERMISSION_TO_EXPIRE
              + """
              local state =
                  redis.call('HMGET', KEYS[2], 'token', 'released', 'before', 'promisedUntil')
              local released, before = state[2] or '', state[3] or ''
              local mine = string.sub(ARGV[1], 1, 8)
              if string.find(released, mine, 1, true) or string.find(before, mine, 1, true) then
                return -1
              end
              if not state[1] then
                ask_permission_to_expire(KEYS[2])
              end
              local time = redis.call('TIME')
              local promisedUntil = tonumber(state[4] or 0)
              local unheard = promisedUntil > 0 and redis.call('LLEN', KEYS[3]) or 0
              local refusedFor
              if unheard == 0 and time[1] * 1000 + time[2] / 1000 < promisedUntil
                  and ARGV[5] ~= '*'
                  and (ARGV[5] == '' or string.sub(ARGV[5], 1, 8) ~= string.sub(released, 1, 8))
                  and redis.call('EXISTS', KEYS[1]) == 0 then
                refusedFor = 500
              else
                local holder = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', ARGV[2])
                if holder == ARGV[1] then
                  redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
                  if state[1] then
                    return tonumber(state[1])
                  end
                elseif holder then
                  refusedFor = redis.call('PTTL', KEYS[1])
                  if refusedFor < 0 then
                    refusedFor = 500
                  end
                end
              end

              if refusedFor then
                local wait = tonumber(ARGV[4])
                if wait > 0 then
                  local waitersUntil = time[1] * 1000 + math.floor(time[2] / 1000) + wait
                  local gain = waitersUntil - tonumber(redis.call('HGET', KEYS[2], 'waitersUntil') or 0)
                  if gain * 8 > wait then
                    redis.call('HSET', KEYS[2], 'waitersUntil', string.format('%.0f', waitersUntil))
                    if not state[1] then
                      redis.call('PEXPIRE', KEYS[2], ARGV[3])
                    end
                  end
                end
                return -1 - refusedFor
              end

              if unheard > 0 then
                redis.call('DEL', KEYS[3])
              end
              local last = tonumber(state[1] or 0)
              local token = math.max(last + 1, time[1] * 1000000 + time[2])
              if promisedUntil > 0 then
                redis.call('HSET', KEYS[2], 'token', string.format('%.0f', token), 'promisedUntil', 0)
              else
                redis.call('HSET', KEYS[2], 'token', string.format('%.0f', token))
              end
              local hour = 3600000000
              if not state[1]
                  or (token % hour < last % hour or token - last >= hour or ARGV[3] ~= '86400000')
                  and redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
                redis.call('PEXPIRE', KEYS[2], ARGV[3])
              end
              return token
              """);

  /**
   * KEYS: lock, state, wake list. ARGV: owner, memory of the state in ms. Returns 1 if the owner
   * held the lock, also if this is the second time it says so: the last eight or more who released
   * are remembered, since others may have come and gone before a request is sent again.
   *
   * <p>Of each the first eight characters are kept, the last one first, in two fields of at most 64
   * bytes: a longer one would make Redis turn the hash from a list into a table, which takes as
   * long as all the rest.
   */
  private static final LuaScript RELEASE =
      LuaScript.of(
          ASK_PERMISSION_TO_EXPIRE
              + """
              local state = redis.call('HMGET', KEYS[2], 'released', 'before', 'waitersUntil', 'token')
              local released, before = state[1] or '', state[2] or ''
              local mine = string.sub(ARGV[1], 1, 8)
              if redis.call('GET', KEYS[1]) ~= ARGV[1] then
                return (string.find(released, mine, 1, true) or string.find(before, mine, 1, true))
                    and 1 or 0
              end
              if not state[4] then
                ask_permission_to_expire(KEYS[2])
              end
              local promisedUntil, unheard
              if state[3] then
                local time = redis.call('TIME')
                local now = time[1] * 1000 + math.floor(time[2] / 1000)
                if tonumber(state[3]) > now then
                  unheard = redis.call('LLEN', KEYS[3])
                  ask_permission_to_expire(KEYS[3])
                  promisedUntil = string.format('%.0f', now + 20)
                end
              end
              redis.call('DEL', KEYS[1])
              local change = {'released', mine .. released}
              if #released >= 64 then
                change = {'released', mine, 'before', released}
              end
              if promisedUntil then
                change[#change + 1] = 'promisedUntil'
                change[#change + 1] = promisedUntil
              end
              redis.call('HSET', KEYS[2], unpack(change))
              if promisedUntil then
                if unheard > 0 then
                  redis.call('DEL', KEYS[3])
                end
                redis.call('RPUSH', KEYS[3], ARGV[1])
                redis.call('PEXPIRE', KEYS[3], 2000)
              end
              if not state[4] then
                redis.call('PEXPIRE', KEYS[2], ARGV[2])
              end
              return 1
              """);

  /**
   * KEYS: lock, state. ARGV: owner, lease from now in ms, memory of the state in ms, 'GT' if the
   * lease must not become shorter, which of the owner's moves of the end this is. Returns 1 if the
   * owner holds the lock.
   *
   * <p>A move that arrives after a later one, as a request may whose sender has given up on it, is
   * refused: the owner knows nothing of the earlier end that it would set.
   */
  private static final LuaScript EXTEND =
      LuaScript.of(
          """
          if redis.call('GET', KEYS[1]) ~= ARGV[1] then
            return 0
          end
          local last = redis.call('HGET', KEYS[2], 'moved') or ''
          if string.sub(last, 1, #ARGV[1]) == ARGV[1]
              and tonumber(string.sub(last, #ARGV[1] + 2)) > tonumber(ARGV[5]) then
            return 0
          end
          local memory = redis.call('PTTL', KEYS[2])
          if ARGV[4] == 'GT' then
            redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
          else
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
          end
          redis.call('HSET', KEYS[2], 'moved', ARGV[1] .. ':' .. ARGV[5])
          if memory < tonumber(ARGV[3]) then
            redis.call('PEXPIRE', KEYS[2], ARGV[3])
          end
          return 1
          """);

  private final RedisAccess redis;
  private final String name;
  private final String wakeKey;
  private final List<String> keys;

  LockCommands(RedisAccess redis, String name) {
    String lockKey = "lock:" + RedisKeys.hashTag(name, "name");
    this.redis = redis;
    this.name = name;
    this.wakeKey = lockKey + ":q";
    this.keys = List.of(lockKey, lockKey + ":s", wakeKey);
  }

  String name() {
    return name;
  }

  /** Returns the token, or, refused, -1 minus the ms for which the lock is held at most. */
  long acquire(String owner, long leaseMillis, long waitMillis, String wake) {
    return run(
        ACQUIRE,
        keys,
        owner,
        String.valueOf(leaseMillis),
        memory(leaseMillis),
        String.valueOf(waitMillis),
        wake);
  }

  /** Returns whether the owner held the lock until now. */
  @CanIgnoreReturnValue
  boolean release(String owner, long leaseMillis) {
    return run(RELEASE, keys, owner, memory(leaseMillis)) == 1;
  }

  /** Sets the end of the owner's lease, sooner or later than it was, if it still has one. */
  boolean extend(String owner, long leaseMillis, long move) {
    return move(owner, leaseMillis, "", move);
  }

  /** Puts off the end of the owner's lease, never bringing it forward, if it still has one. */
  boolean renew(String owner, long leaseMillis, long move) {
    return move(owner, leaseMillis, "GT", move);
  }

  /**
   * Blocks on the wake list, with a connection.
   *
   * <p>Jedis lifts the socket's timeout from its own {@code blpop}, so that it would wait forever
   * for a server that has gone; this command keeps it.
   *
   * @return the wake value, or null if none came in time
   */
  @Nullable String awaitWake(long millis) {
    Object popped = redis.send(Command.BLPOP, wakeKey, String.valueOf(millis / 1000.0));
    return popped instanceof List<?> pair && !pair.isEmpty()
        ? new String((byte[]) pair.get(1), StandardCharsets.UTF_8)
        : null;
  }

  /**
   * Tells whether the server may have executed a call that failed. What the client of a Cluster
   * throws in the end, such as that it was interrupted before its third try, says nothing about its
   * first.
   */
  boolean mayHaveRun(JedisException failure) {
    return Failures.mayHaveRun(failure, redis);
  }

  boolean isLocked() {
    return redis.execute(redis.commands().exists(keys.get(0)));
  }

  private boolean move(String owner, long leaseMillis, String mode, long move) {
    String millis = String.valueOf(leaseMillis);
    List<String> touched = keys.subList(0, 2);
    return run(EXTEND, touched, owner, millis, memory(leaseMillis), mode, String.valueOf(move))
        == 1;
  }

  private long run(LuaScript script, List<String> touched, String... args) {
    Object reply = script.run(redis, touched, List.of(args));
    return (Long) Objects.requireNonNull(reply, "the script always answers");
  }

  private static String memory(long leaseMillis) {
    return String.valueOf(Math.max(SHORTEST_MEMORY.toMillis(), 2 * leaseMillis));
  }
}
