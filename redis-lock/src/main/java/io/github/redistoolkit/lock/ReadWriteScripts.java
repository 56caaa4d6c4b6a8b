package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaScript;

/**
 * The scripts of a read-write lock, of which readers and writers take turns (Brandenburg and
 * Anderson, "Reader-Writer Synchronization for Shared-Memory Multiprocessor Real-Time Systems",
 * 2009). They take the keys and arguments of {@link LockScripts}, and then {@code r} or {@code w}
 * for who asks; those that grant also for how many ms the caller has waited. A release takes two
 * wake lists, the writers' and the readers'.
 *
 * <p>One hash holds all of its state. Its field {@code s} is <code>
 * token held first last writing due readers writers phase turn promised</code>, of which trailing
 * zero words are left out: the token alone if there is nothing else to say, four words while there
 * are readers, and a fifth while there is a writer. So it is no longer than 64 bytes, beyond which
 * Redis keeps a hash in another way, while nobody waits.
 *
 * <ul>
 *   <li>{@code token}, {@code held}, {@code first}, {@code last}: as of a {@linkplain
 *       SemaphoreScripts semaphore}; {@code writing}: 1 if the one holder writes; {@code due}: no
 *       mark and no waiter expires before this time;
 *   <li>{@code readers}, {@code writers}: how many wait, as far as they have asked lately;
 *   <li>{@code phase}: when the last writer has ended, if somebody waited then. Whoever began to
 *       wait for reading by then goes before writers that wait;
 *   <li>{@code turn}: how many of these are still to come; writers are refused for so long, but for
 *       a moment only;
 *   <li>{@code promised}: until when the free lock is kept for the writer that was woken.
 * </ul>
 *
 * <p>The other fields are holders, <code>h&lt;owner&gt;</code>, and marks, <code>t&lt;owner&gt;
 * </code>, as of a semaphore, and who waits, <code>r&lt;owner&gt;</code> and <code>w&lt;owner&gt;
 * </code>, with the time until when it counts, and for a reader since when it waits. That is the
 * server's time, since a client's count of how long it has waited leaves out how long its request
 * was on its way. What cannot be such a state is answered {@code LOCKSTATE} and left as it is.
 */
final class ReadWriteScripts {

  private static final int MOST_READERS = 10_000;

  private static final String MOST = "local most = " + MOST_READERS + "\n";

  /** Reads the state, and what there is of the owner, or answers that it is none. */
  private static final String READ =
      """
      local me = ARGV[1] or ''
      local waiter = (ARGV[7] or 'r') .. me
      local found = redis.call(
          'HMGET', KEYS[1], 's', 'h' .. me, 't' .. string.sub(me, 1, 8), waiter)
      local time = redis.call('TIME')
      local now = time[1] * 1000000 + time[2]
      local state, entry, mark, waits = found[1], found[2], found[3], found[4]
      local token, held, first, last, due, writing = now, 0, 0, 0, 0, 0
      local readers, writers, phase, turn, promised = 0, 0, 0, 0, 0
      local stop, move, mine
      local sound = state or redis.call('EXISTS', KEYS[1]) == 0
      if state then
        token = tonumber(string.match(state, '^%d+$'))
        if not token then
          local rest
          token, held, first, last, rest =
              string.match(state, '^(%d+) (%d+) (%d+) (%d+)(.*)$')
          token, held, first, last = tonumber(token), tonumber(held), tonumber(first), tonumber(last)
          if rest == ' 1' then
            writing = 1
          elseif rest ~= '' then
            writing, due, readers, writers, phase, turn, promised = string.match(
                rest or '', '^ ([01]) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
            writing, due, readers = tonumber(writing), tonumber(due), tonumber(readers)
            writers, phase, turn = tonumber(writers), tonumber(phase), tonumber(turn)
            promised = tonumber(promised)
            token = promised and token
          end
        end
        sound = token and token <= 9007199254740000 and held <= 100000 and first <= last
            and last - now <= 31622400000000 and due - now <= 31622400000000
            and readers <= 100000 and writers <= 100000
      end
      if entry and sound then
        stop, move, mine = string.match(entry, '^(%d+) (%d+) (%d+)$')
        stop, mine = tonumber(stop), tonumber(mine)
        sound = mine
      end
      if not sound then
        return redis.error_reply('LOCKSTATE the key does not hold the state of a read-write lock')
      end
      if phase > now then
        phase, turn = 0, 0
      end
      turn = now - phase < 100000 and math.min(turn, readers) or 0
      if promised - now > 20000 then
        promised = 0
      end
      local since = waits and tonumber(string.match(waits, '^%d+ (%d+)$')) or now
      local gone = {}
      local survey = (held > 0 and first <= now) or (due > 0 and due <= now)
          or (due == 0 and readers + writers > 0) or due - now > 120000000
      """;

  /**
   * Recounts the holders, marks and waiters that have not expired, leaving out the caller's own. A
   * mark from before the clock was set back is kept, but looked for only now and then.
   */
  private static final String SURVEY =
      """
      local all = redis.call('HGETALL', KEYS[1])
      held, first, last, due, readers, writers = 0, 0, 0, 0, 0, 0
      local ended = false
      for i = 1, #all, 2 do
        local field = all[i]
        local kind = string.sub(field, 1, 1)
        local ends = kind ~= 's' and field ~= 'h' .. me and field ~= waiter
            and tonumber(string.match(all[i + 1], '^%d+') or 0)
        local furthest = (kind == 'r' or kind == 'w') and 4000000 or 31622400000000
        if ends and (ends <= now or ends - now > furthest) then
          gone[#gone + 1] = field
          if kind == 'h' and writing == 1 and ends <= now and ends > phase then
            phase, ended = ends, true
          end
        elseif ends and kind == 'h' then
          held = held + 1
          first = first == 0 and ends or math.min(first, ends)
          last = math.max(last, ends)
        elseif ends then
          ends = math.min(ends, now + 120000000)
          due = due == 0 and ends or math.min(due, ends)
          if kind == 'r' then
            readers = readers + 1
          elseif kind == 'w' then
            writers = writers + 1
          end
        end
      end
      """;

  /** After that: all readers have their turn if a writer has ended meanwhile. */
  private static final String NEW_TURN =
      """
      turn = math.min(readers, ended and now - phase < 100000 and readers or turn)
      """;

  private static final String TTL =
      """
      if held == 0 then
        first, last, writing = 0, 0, 0
        if readers + writers == 0 then
          phase, turn = 0, 0
        end
      end
      """
          + SemaphoreScripts.TTL;

  /** Writes the state, drops what is over, and keeps all as long as it matters. */
  private static final String WRITE =
      """
      local text = string.format('%.0f', token)
      if due + readers + writers + phase > 0 then
        text = string.format('%s %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', text, held,
            first, last, writing, due, readers, writers, phase, turn, promised)
      elseif held > 0 then
        text = string.format('%s %.0f %.0f %.0f%s', text, held, first, last,
            writing == 1 and ' 1' or '')
      end
      redis.call('HSET', KEYS[1], 's', text)
      for _, field in ipairs(gone) do
        redis.call('HDEL', KEYS[1], field)
      end
      redis.call('PEXPIRE', KEYS[1], ttl)
      """;

  /**
   * Arguments and replies as those of {@link LockScripts#ACQUIRE}. Who may wait is written down, so
   * that it counts when others ask. Nobody is granted a lease while it is the others' turn, not
   * even a caller that ignores promises. Beyond 100,000 waiters, no more are written down.
   */
  static final LuaScript ACQUIRE =
      LuaScript.of(
          READ
              + MOST
              + """
              local memory, over = ARGV[3], entry and stop <= now
              local reads = ARGV[7] == 'r'
              survey = survey or over
              if survey then
              """
              + SURVEY
              + """
                if entry and not over then
                  held = held + 1
                  first = first == 0 and stop or math.min(first, stop)
                  last = math.max(last, stop)
                elseif over and writing == 1 and stop > phase then
                  phase, ended = stop, true
                end
                if waits and reads then
                  readers = readers + 1
                elseif waits then
                  writers = writers + 1
                end
              """
              + NEW_TURN
              + """
              end

              if entry and not over then
                local again = now + ARGV[2] * 1000
                if again > stop then
                  last = math.max(last, again)
              """
              + SemaphoreScripts.MAY_DROP
              + TTL
              + """
                  redis.call('HSET', KEYS[1], 'h' .. me,
                      string.format('%.0f %s %.0f', again, move, mine))
              """
              + WRITE
              + """
                end
                return mine
              end
              if mark and (tonumber(mark) or 0) > now then
                return -1
              end

              local refused
              local arrived = math.min(since, now - ARGV[8] * 1000)
              if held > 0 and (writing == 1 or not reads) then
                refused = math.max(1, math.ceil((last - now) / 1000))
              elseif reads and (held >= most or (writers > 0 and arrived > phase)) then
                refused = 500
              elseif not reads and turn > 0 then
                refused = math.max(1, math.ceil((phase + 100000 - now) / 1000))
              elseif not reads and promised > now and ARGV[5] ~= '*'
                  and tonumber(ARGV[5]) ~= token then
                refused = 500
              end

              if refused then
                local wait = ARGV[4] * 1000
                local known = tonumber(waits and string.match(waits, '^%d+') or 0)
                if wait > 0 and (waits or readers + writers < 100000)
                    and ((now + wait - known) * 8 > wait or known - now > 4000000) then
                  if over then
                    gone[#gone + 1] = 'h' .. me
                  end
              """
              + SemaphoreScripts.MAY_DROP
              + """
                  if not waits and reads then
                    readers = readers + 1
                  elseif not waits then
                    writers = writers + 1
                  end
                  due = due == 0 and now + wait or math.min(due, now + wait)
                  redis.call('HSET', KEYS[1], waiter, reads
                      and string.format('%.0f %.0f', now + wait, math.max(0, arrived))
                      or string.format('%.0f', now + wait))
              """
              + TTL
              + WRITE
              + """
                elseif survey then
                  if over then
                    gone[#gone + 1] = 'h' .. me
                  end
                  if waits then
                    due = due == 0 and known or math.min(due, known)
                  end
              """
              + SemaphoreScripts.MAY_DROP
              + TTL
              + WRITE
              + """
                end
                return -1 - refused
              end

              if waits then
                gone[#gone + 1] = waiter
                if reads then
                  readers = readers - 1
                  turn = math.max(0, math.min(readers, since <= phase and turn - 1 or turn))
                else
                  writers = writers - 1
                end
              end
              """
              + SemaphoreScripts.MAY_EXPIRE
              + SemaphoreScripts.MAY_DROP
              + """
              local ends = now + ARGV[2] * 1000
              if state then
                token = math.max(token + 1, now)
              end
              held = held + 1
              first = held == 1 and ends or math.min(first, ends)
              last = math.max(last, ends)
              writing, promised = reads and 0 or 1, 0
              if not reads then
                phase, turn = 0, 0
              end
              redis.call('HSET', KEYS[1], 'h' .. me, string.format('%.0f 0 %.0f', ends, token))
              """
              + TTL
              + WRITE
              + """
              return token
              """);

  /**
   * Arguments and replies as those of {@link LockScripts#RELEASE}; 2 only if somebody is to be
   * woken now. One who waits and has no lease leaves so.
   *
   * <p>After a writer come the readers that wait, all of them; after the last of the readers one
   * writer. When the last writer that waits leaves, the readers it kept out are woken.
   *
   * <p>Also without memory a holder is removed, after which Redis lets a script go on.
   */
  static final LuaScript RELEASE =
      LuaScript.of(
          READ
              + MOST
              + """
              local memory, reads, keep = ARGV[2], ARGV[7] == 'r', ARGV[5] * 1000
              if not entry and not waits and ARGV[3] == '' then
                return 0
              end
              if waits and reads and since <= phase then
                turn = math.max(0, turn - 1)
              end
              if survey or (entry and stop >= last and move ~= '0') then
              """
              + SURVEY
              + NEW_TURN
              + """
              else
                if entry then
                  held = held - 1
                end
                if waits and reads then
                  readers = readers - 1
                  turn = math.min(readers, turn)
                elseif waits then
                  writers = writers - 1
                end
              end
              if entry and keep > 0 then
                held = held + 1
                first = held == 1 and now + keep or math.min(first, now + keep)
                last = math.max(held == 1 and 0 or last, now + keep)
              elseif entry and not reads then
                phase, writing = readers + writers > 0 and now or 0, 0
              end

              local list, woken
              local reading = held == 0 or writing == 0
              if waits and not reads and writers == 0 and readers > 0 and reading then
                list, woken = 3, readers
              elseif held == 0 and entry and not reads and readers > 0 then
                list, woken, turn = 3, readers, readers
              elseif held == 0 and turn == 0
                  and (entry or (waits and (not reads or promised <= now))) then
                if writers > 0 then
                  list, woken, promised = 2, 1, now + 20000
                elseif readers > 0 then
                  list, woken = 3, readers
                end
              end
              if list and ARGV[4] == 'ask' then
                return 2
              end
              if list and ARGV[4] == 'quiet' then
                turn, promised = 0, 0
              end
              if not state then
              """
              + SemaphoreScripts.MAY_EXPIRE
              + """
              end
              """
              + SemaphoreScripts.MAY_DROP
              + """
              if list and ARGV[4] == 'wake' then
                if not redis.acl_check_cmd('PEXPIRE', KEYS[list], 2000) then
                  return redis.error_reply(
                      'NOPERM this user has no permissions to run PEXPIRE on the wake list')
                end
              """
              + SemaphoreScripts.MAY_REMOVE
              + """
                woken = math.min(woken, most)
                local length
                for from = 1, woken, 1000 do
                  local calls = {}
                  for i = from, math.min(woken, from + 999) do
                    calls[#calls + 1] = string.format('%.0f', token)
                  end
                  length = redis.call('RPUSH', KEYS[list], unpack(calls))
                end
                if length > woken then
                  redis.call('LTRIM', KEYS[list], -woken, -1)
                end
                redis.call('PEXPIRE', KEYS[list], 2000)
              end

              local marked = now + ARGV[2] * 1000
              if ARGV[3] ~= '' and due == 0 then
                due = marked
              end
              """
              + TTL
              + """
              if entry then
                redis.call('HDEL', KEYS[1], 'h' .. me)
              elseif ARGV[6] ~= '' then
                redis.call('PEXPIRE', KEYS[1], ttl)
              end
              if waits then
                redis.call('HDEL', KEYS[1], waiter)
              end
              if entry and keep > 0 then
                redis.call('HSET', KEYS[1], 'h-' .. me,
                    string.format('%.0f 0 %.0f', now + keep, mine))
              end
              if ARGV[3] ~= '' then
                local field = 't' .. string.sub(me, 1, 8)
                for i = #gone, 1, -1 do
                  if gone[i] == field then
                    table.remove(gone, i)
                  end
                end
                redis.call('HSET', KEYS[1], field, string.format('%.0f', marked))
              end
              """
              + WRITE
              + """
              return entry and 1 or 0
              """);

  /** Arguments and replies as those of {@link LockScripts#EXTEND}. */
  static final LuaScript EXTEND =
      LuaScript.of(
          READ
              + """
              local memory = ARGV[3]
              if not entry or stop <= now then
                return 0
              end
              if tonumber(move) > tonumber(ARGV[4]) then
                return -1
              end
              local moved = now + ARGV[2] * 1000
              if ARGV[5] == 'GT' and stop > moved then
                moved = stop
              end
              if survey or (stop >= last and moved < stop) then
                waiter = ''
              """
              + SURVEY
              + NEW_TURN
              + """
                held = held + 1
                first = first == 0 and moved or first
              end
              first = math.min(first, moved)
              last = math.max(last, moved)
              """
              + SemaphoreScripts.MAY_DROP
              + TTL
              + """
              if ARGV[6] ~= '' then
                redis.call('PEXPIRE', KEYS[1], ttl)
              end
              redis.call('HSET', KEYS[1], 'h' .. me,
                  string.format('%.0f %s %.0f', moved, ARGV[4], mine))
              """
              + WRITE
              + """
              return tonumber(ARGV[4])
              """);

  private static final String COUNT =
      READ
          + """
          if held > 0 and first <= now then
            waiter = ''
          """
          + SURVEY
          + """
          end
          """;

  /** KEYS: state. Returns how many read. */
  static final LuaScript COUNT_READERS =
      LuaScript.of(COUNT + "return writing == 0 and held or 0\n");

  /** KEYS: state. Returns 1 while somebody writes, or while a minimum hold lasts. */
  static final LuaScript COUNT_WRITERS =
      LuaScript.of(COUNT + "return writing == 1 and held or 0\n");

  private ReadWriteScripts() {}
}
