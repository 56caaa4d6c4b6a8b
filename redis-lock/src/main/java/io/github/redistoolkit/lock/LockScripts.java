package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaFile;
import io.github.redistoolkit.core.LuaScript;
import java.util.Map;

/**
 * The scripts of a lock. One string holds all of its state, so that a script reads it once,
 * decides, and writes it once with its time to live.
 *
 * <p>The state is <code>token end owner move waiters promised</code> and then marks, or the token
 * alone if the lock is free and there is nothing else to say:
 *
 * <ul>
 *   <li>{@code token}: of the last lease; {@code end}: when it ends, 0 once released; {@code
 *       owner}: who has it, or {@code -}; {@code move}: which of the owner's moves of the end was
 *       the last;
 *   <li>{@code waiters}: until when somebody waits; {@code promised}: until when the free lock is
 *       kept for the waiter that a release has woken;
 *   <li><code>t&lt;owner&gt;:&lt;until&gt;</code> marks an owner that has ended or given up, of
 *       whom a request may still be under way: it is refused when it comes. Whose requests were all
 *       answered needs no mark, so that there are none as long as the network is well;
 *   <li><code>a:&lt;until&gt;</code> says until when the last token is ahead of the clock.
 * </ul>
 *
 * <p>Times and tokens are the server's, in microseconds, exact in Lua's doubles until the year
 * 2255; {@code until} is in milliseconds. The key outlives the lease by the memory of a client's
 * repetitions, and by whatever the last token is ahead of the clock, so that tokens rise also over
 * a failover to a server whose clock is behind.
 *
 * <p>What is read is checked before anything is written: what cannot be a lock's state is answered
 * {@code LOCKSTATE} and left as it is.
 */
final class LockScripts {

  /** Reads the state into locals, or answers that it is none. */
  private static final String READ =
      """
      local state = redis.call('GET', KEYS[1])
      local token, stop, owner, move, waiters, promised, marks
      if state then
        if string.find(state, '^%d+$') then
          token, stop, owner, move, waiters, promised, marks = state, 0, '-', '0', '0', '0', ''
        else
          token, stop, owner, move, waiters, promised, marks =
              string.match(state, '^(%d+) (%d+) (%S+) (%d+) (%d+) (%d+)(.*)$')
        end
        token, stop = tonumber(token), tonumber(stop)
        if not token or token > 9007199254740000 or stop > 9007199254740000 then
          return redis.error_reply('LOCKSTATE the key does not hold the state of a lock')
        end
      end
      """;

  private static final String NOW =
      """
      local time = redis.call('TIME')
      local now = time[1] * 1000000 + time[2]
      """;

  /** Drops marks whose time is over. Of each kind the first is the oldest. */
  private static final String PRUNE =
      """
      if marks ~= ''
          and (tonumber(string.match(marks, ' t[^:]*:(%d+)') or 9e15) * 1000 <= now
            or tonumber(string.match(marks, ' a:(%d+)') or 9e15) * 1000 <= now) then
        local left = {}
        for mark in string.gmatch(marks, '%S+') do
          if tonumber(string.match(mark, ':(%d+)$') or 0) * 1000 > now then
            left[#left + 1] = ' ' .. mark
          end
        end
        marks = table.concat(left)
      end
      """;

  /** What the files name where it belongs. */
  private static final Map<String, String> PARTS =
      Map.ofEntries(Map.entry("READ", READ), Map.entry("NOW", NOW), Map.entry("PRUNE", PRUNE));

  /** What {@code lock-acquire.lua} says. */
  static final LuaScript ACQUIRE = script("acquire");

  /** What {@code lock-release.lua} says. */
  static final LuaScript RELEASE = script("release");

  /**
   * KEYS: state. ARGV: owner, lease from now in ms, memory in ms, which of the owner's moves of the
   * end this is, 'GT' if the lease must not become shorter, 'dirty' if Redis is out of memory.
   *
   * <p>Returns the number of the move, or 0 if the owner does not have the lock, or -1 if a later
   * move came first, as when the sender of this one has given up on it: then nothing is changed.
   */
  static final LuaScript EXTEND =
      LuaScript.of(
          READ
              + """
              if not state or owner ~= ARGV[1] then
                return 0
              end
              """
              + NOW
              + """
              if stop <= now then
                return 0
              end
              if tonumber(move) > tonumber(ARGV[4]) then
                return -1
              end
              local moved = now + ARGV[2] * 1000
              if ARGV[5] == 'GT' and stop > moved then
                moved = stop
              end
              local ttl = string.format('%.0f',
                  ARGV[3] + (moved - now + math.max(0, token - now)) / 1000)
              if ARGV[6] ~= '' then
                redis.call('PEXPIRE', KEYS[1], ttl)
              end
              redis.call('SET', KEYS[1],
                  string.format('%.0f %.0f %s %s %s %s%s', token, moved, owner, ARGV[4], waiters,
                      promised, marks),
                  'PX', ttl)
              return tonumber(ARGV[4])
              """);

  /** KEYS: state. Returns 1 if somebody has the lock, or nobody may have it yet. */
  static final LuaScript IS_LOCKED =
      LuaScript.of(
          READ
              + NOW
              + """
              return state and stop > now and 1 or 0
              """);

  private LockScripts() {}

  private static LuaScript script(String name) {
    return LuaScript.of(LuaFile.read(LockScripts.class, "lock-" + name + ".lua", PARTS));
  }
}
