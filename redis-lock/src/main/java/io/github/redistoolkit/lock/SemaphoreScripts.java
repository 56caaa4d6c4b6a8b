package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaScript;

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

  /** How long all of it matters, in ms. */
  static final String TTL =
      """
      local ttl = string.format('%.0f',
          memory + (math.max(0, last - now) + math.max(0, token - now)) / 1000)
      """;

  /** Asked before anything is written by what would fail in the midst of it. */
  static final String MAY_REMOVE =
      """
      if not redis.acl_check_cmd('HDEL', KEYS[1], 'x') then
        return redis.error_reply('NOPERM this user has no permissions to run HDEL on the state')
      end
      """;

  /** The same, if anything is over. */
  static final String MAY_DROP =
      """
      if #gone > 0 then
      """
          + MAY_REMOVE
          + """
          end
          """;

  /** Likewise, by what would leave a new key without a time to live. */
  static final String MAY_EXPIRE =
      """
      if not redis.acl_check_cmd('PEXPIRE', KEYS[1], 1) then
        return redis.error_reply('NOPERM this user has no permissions to run PEXPIRE on the state')
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
      for _, field in ipairs(gone) do
        redis.call('HDEL', KEYS[1], field)
      end
      redis.call('PEXPIRE', KEYS[1], ttl)
      """;

  /**
   * Arguments and replies as those of {@link LockScripts#ACQUIRE}. A permit that is promised to a
   * waiter counts as held for those who were not woken, for a moment.
   *
   * <p>The permissions are asked first, so that no key stays without a time to live, and no permit
   * with an owner that does not know of it.
   */
  static final LuaScript ACQUIRE =
      LuaScript.of(
          READ
              + """
              local memory, over = ARGV[3], entry and stop <= now
              local survey = over or (held > 0 and first <= now) or (due > 0 and due <= now)
              if survey then
              """
              + SURVEY
              + """
                if entry and not over then
                  held = held + 1
                  first = first == 0 and stop or math.min(first, stop)
                  last = math.max(last, stop)
                end
              end

              if entry and not over then
                local again = now + ARGV[2] * 1000
                if again > stop then
                  last = math.max(last, again)
              """
              + MAY_DROP
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

              local kept, still, woken = 0, {}, false
              if promises ~= '' then
                for ticket, ends in string.gmatch(promises, ' (%d+):(%d+)') do
                  local remains = ends - now
                  if ticket == ARGV[5] then
                    woken = true
                  elseif remains > 0 and remains <= 20000 then
                    kept = kept + 1
                    still[kept] = ' ' .. ticket .. ':' .. ends
                  end
                end
              end
              local permits, refused = tonumber(ARGV[7]), nil
              if held >= permits then
                refused = math.max(1, math.ceil((first - now) / 1000))
              elseif not woken and ARGV[5] ~= '*' and held + kept >= permits then
                refused = 500
              end

              if refused then
                local wait = ARGV[4] * 1000
                if wait > 0
                    and ((now + wait - waiters) * 8 > wait or waiters - now > 4000000) then
                  waiters = string.format('%.0f', now + wait)
                  survey = true
                end
                if survey then
                  if over then
                    gone[#gone + 1] = 'h' .. me
                  end
              """
              + MAY_DROP
              + TTL
              + WRITE
              + """
                end
                return -1 - refused
              end
              """
              + MAY_EXPIRE
              + MAY_DROP
              + """
              local ends = now + ARGV[2] * 1000
              if state then
                token = math.max(token + 1, now)
              end
              held = held + 1
              first = held == 1 and ends or math.min(first, ends)
              last = math.max(last, ends)
              promises = table.concat(still)
              redis.call('HSET', KEYS[1], 'h' .. me, string.format('%.0f 0 %.0f', ends, token))
              """
              + TTL
              + WRITE
              + """
              return token
              """);

  /**
   * Arguments and replies as those of {@link LockScripts#RELEASE}. Wakes one waiter, for whom the
   * permit is kept for a moment.
   *
   * <p>Also without memory a holder is removed, after which Redis lets a script go on.
   */
  static final LuaScript RELEASE =
      LuaScript.of(
          READ
              + """
              local memory = ARGV[2]
              if not entry and ARGV[3] == '' then
                return 0
              end
              local survey = (held > 1 and first <= now) or (due > 0 and due <= now)
              if tonumber(waiters) <= now or waiters - now > 4000000 then
                waiters = '0'
              end
              if entry then
                if waiters ~= '0' and ARGV[4] == 'ask' then
                  return 2
                end
                if waiters ~= '0' and ARGV[4] == 'wake' then
                  if not redis.acl_check_cmd('PEXPIRE', KEYS[2], 2000) then
                    return redis.error_reply(
                        'NOPERM this user has no permissions to run PEXPIRE on the wake list')
                  end
              """
              + MAY_REMOVE
              + """
                  local ticket = string.format('%.0f', mine)
                  if redis.call('RPUSH', KEYS[2], ticket) > tonumber(ARGV[7]) then
                    redis.call('LTRIM', KEYS[2], -ARGV[7], -1)
                  end
                  redis.call('PEXPIRE', KEYS[2], 2000)
                  promises = string.format('%s %s:%.0f', promises, ticket, now + 20000)
                end
                held = held - 1
                survey = survey or (stop >= last and move ~= '0')
              elseif not state then
              """
              + MAY_EXPIRE
              + """
              end
              if survey then
              """
              + SURVEY
              + """
              elseif held < 1 then
                first, last = 0, 0
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
              if (stop >= last and moved < stop) or first <= now or (due > 0 and due <= now) then
              """
              + SURVEY
              + """
                held = held + 1
                first = first == 0 and moved or first
              end
              first = math.min(first, moved)
              last = math.max(last, moved)
              """
              + MAY_DROP
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
}
