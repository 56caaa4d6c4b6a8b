package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaFile;
import io.github.redistoolkit.core.LuaScript;
import java.util.Map;

/**
 * The scripts of a semaphore. They take the keys and arguments of {@link LockScripts}, and then the
 * number of permits, and give the same replies; for how long nobody may have it yet is not used.
 *
 * <p>One hash holds all of its state. Its field {@code s} is <code>token waiters held first last
 * due</code> and then promises, or the token alone if there is nothing else to say:
 *
 * <ul>
 *   <li>{@code token}: of the last lease; {@code waiters}: until when somebody waits;
 *   <li>{@code held}: how many holders there are; {@code first}: not before then one of their
 *       leases ends; {@code last}: by then all of them have ended, or would have, if one was
 *       released;
 *   <li>{@code due}: not before then the time of a mark is over; 0 if there is none;
 *   <li><code>token:until</code>: a permit is kept for the waiter whom the release of that token
 *       has woken.
 * </ul>
 *
 * <p>The other fields are holders, <code>h&lt;owner&gt;</code> with <code>end move token</code>,
 * and marks, <code>t&lt;owner&gt;</code> with the time until when a request may still be under way
 * of an owner that has ended or given up. All times are the server's, in microseconds.
 *
 * <p>What cannot be a semaphore's state is answered {@code LOCKSTATE} and left as it is; a field
 * with a time that no lease or mark has is dropped.
 *
 * <p>A request reads the state and what there is of its owner. Only when {@code first} or {@code
 * due} has passed it looks at all of them, so that what it costs does not depend on how many there
 * are.
 */
final class SemaphoreScripts {

  static final int MOST_PERMITS = 1_000;

  /** Reads the state, and what there is of the owner, or answers that it is none. */
  private static final String READ =
      """
      local me = ARGV[1] or ''
      local found = redis.call(
          'HMGET', KEYS[1], 's', 'h' .. me, 't' .. string.sub(me, 1, 8))
      local time = redis.call('TIME')
      local now = time[1] * 1000000 + time[2]
      local state, entry, mark = found[1], found[2], found[3]
      local token, waiters, held, first, last, due, promises = now, '0', 0, 0, 0, 0, ''
      local stop, move, mine
      local sound = state or redis.call('EXISTS', KEYS[1]) == 0
      if state then
        token = tonumber(string.match(state, '^%d+$'))
        if not token then
          token, waiters, held, first, last, due, promises =
              string.match(state, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)(.*)$')
          token, held, first = tonumber(token), tonumber(held), tonumber(first)
          last, due = tonumber(last), tonumber(due)
        end
        sound = token and token <= 9007199254740000 and held <= 100000 and first <= last
            and last - now <= 31622400000000 and due - now <= 31622400000000
      end
      if entry and sound then
        stop, move, mine = string.match(entry, '^(%d+) (%d+) (%d+)$')
        stop, mine = tonumber(stop), tonumber(mine)
        sound = mine
      end
      if not sound then
        return redis.error_reply('LOCKSTATE the key does not hold the state of a semaphore')
      end
      local gone = {}
      """;

  /** Reckons anew from all holders but the owner, and all marks, whose time is not over. */
  private static final String SURVEY =
      """
      local all = redis.call('HGETALL', KEYS[1])
      held, first, last, due = 0, 0, 0, 0
      for i = 1, #all, 2 do
        local kind = string.sub(all[i], 1, 1)
        local ends = kind ~= 's' and all[i] ~= 'h' .. me
            and tonumber(string.match(all[i + 1], '^%d+') or 0)
        if ends and (ends <= now or ends - now > 31622400000000) then
          gone[#gone + 1] = all[i]
        elseif ends and kind == 'h' then
          held = held + 1
          first = first == 0 and ends or math.min(first, ends)
          last = math.max(last, ends)
        elseif ends then
          due = due == 0 and ends or math.min(due, ends)
        end
      end
      """;

  /** Writes the state, drops what is over, and keeps all as long as it matters. */
  private static final String WRITE =
      """
      local text = string.format('%.0f', token)
      if held + due > 0 or waiters ~= '0' or promises ~= '' then
        text = string.format('%s %s %.0f %.0f %.0f %.0f%s', text, waiters, held, first, last, due,
            promises)
      end
      redis.call('HSET', KEYS[1], 's', text)
      """
          + HolderScripts.TIDY;

  /** What the files name where it belongs. */
  private static final Map<String, String> PARTS =
      HolderScripts.parts(
          Map.ofEntries(
              Map.entry("READ", READ),
              Map.entry("SURVEY", SURVEY),
              Map.entry("TTL", HolderScripts.TTL),
              Map.entry("WRITE", WRITE)));

  /** What {@code semaphore-acquire.lua} says. */
  static final LuaScript ACQUIRE = script("acquire");

  /** What {@code semaphore-release.lua} says. */
  static final LuaScript RELEASE = script("release");

  /** Arguments and replies as those of {@link LockScripts#EXTEND}. */
  static final LuaScript EXTEND =
      HolderScripts.extend(
          PARTS,
          READ
              + """
              local survey = first <= now or (due > 0 and due <= now)
              """,
          SURVEY);

  /** KEYS: state. Returns how many permits are held. */
  static final LuaScript COUNT =
      LuaScript.of(
          READ
              + """
              if held > 0 and first <= now then
              """
              + SURVEY
              + """
              end
              return held
              """);

  private SemaphoreScripts() {}

  private static LuaScript script(String name) {
    return LuaScript.of(LuaFile.read(SemaphoreScripts.class, "semaphore-" + name + ".lua", PARTS));
  }
}
