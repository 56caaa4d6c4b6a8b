package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.LuaScript;

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

  /**
   * KEYS: state. ARGV:
   *
   * <ol>
   *   <li>owner;
   *   <li>lease in ms;
   *   <li>memory in ms;
   *   <li>for how many ms the caller will block if refused; 0 if not at all;
   *   <li>the token by which the caller was woken; '' if it was not, '*' for one who takes a free
   *       lock even if it is promised;
   *   <li>the sum of lease and memory in ms.
   * </ol>
   *
   * <p>Returns the token, or, refused, -1 minus the ms for which the lock is held at most.
   *
   * <p>A request that is repeated never brings the end of the lease forward, since it may arrive
   * after an extension. A promise that lies further ahead than promises are made is none: the clock
   * has been set back.
   */
  static final LuaScript ACQUIRE =
      LuaScript.of(
          READ
              + NOW
              + """
              local refused
              if not state then
                token, waiters, marks = now, '0', ''
              else
                if stop - now > 31622400000000 then
                  return redis.error_reply('LOCKSTATE the lease of the lock ends beyond all leases')
                end
                if owner == ARGV[1] and stop > now then
                  local again = now + ARGV[2] * 1000
                  if again > stop then
                    redis.call('SET', KEYS[1],
                        string.format('%.0f %.0f %s %s %s 0%s', token, again, owner, move, waiters,
                            marks),
                        'PX', string.format('%.0f',
                            ARGV[2] + ARGV[3] + math.max(0, token - now) / 1000))
                  end
                  return token
                end
                if marks ~= '' and string.find(
                    marks, ' t' .. string.sub(ARGV[1], 1, 8) .. ':', 1, true) then
                  return -1
                end
                if stop > now then
                  refused = math.ceil((stop - now) / 1000)
                elseif promised ~= '0' and ARGV[5] ~= '*' then
                  local left = promised - now
                  if left > 0 and left <= 20000 and tonumber(ARGV[5]) ~= token then
                    refused = 500
                  end
                end
              end

              if refused then
                if ARGV[4] ~= '0' then
                  local wait = ARGV[4] * 1000
                  if (now + wait - waiters) * 8 > wait or waiters - now > 4000000 then
                    redis.call('SET', KEYS[1],
                        string.format('%.0f %.0f %s %s %.0f %s%s', token, stop, owner, move,
                            now + wait, promised, marks),
                        'PX', string.format('%.0f',
                            ARGV[3] + (math.max(0, token - now) + math.max(0, stop - now)) / 1000))
                  end
                end
                return -1 - refused
              end

              local ttl = ARGV[6]
              if state then
                if token < now then
                  token = now
                else
                  token = token + 1
                  if not string.find(marks, ' a:', 1, true) then
                    marks = string.format('%s a:%.0f', marks, math.ceil(token / 1000))
                  end
                  ttl = string.format('%.0f', ARGV[6] + (token - now) / 1000)
                end
              end
              """
              + PRUNE
              + """
              redis.call('SET', KEYS[1],
                  string.format('%.0f %.0f %s 0 %s 0%s', token, now + ARGV[2] * 1000, ARGV[1],
                      waiters, marks),
                  'PX', ttl)
              return token
              """);

  /**
   * KEYS: state, wake list if a waiter is to be woken. ARGV:
   *
   * <ol>
   *   <li>owner;
   *   <li>memory in ms;
   *   <li>'mark' if a request of the owner may still be under way;
   *   <li>what to do if somebody waits. 'ask': nothing, but say so; 'wake': wake; 'quiet': leave
   *       them to ask again by themselves;
   *   <li>for how many ms from now nobody may have the lock yet;
   *   <li>'dirty' if Redis is out of memory.
   * </ol>
   *
   * <p>Returns 1 if the owner had the lock until now; 2 if it has and somebody waits; else 0.
   *
   * <p>Of what is to be woken the permissions are asked first, so that the list never stays without
   * a time to live. Redis lets a script go on without memory after a write that needs none.
   */
  static final LuaScript RELEASE =
      LuaScript.of(
          READ
              + """
              local mine = state and owner == ARGV[1]
              if mine and waiters == '0' and marks == '' and ARGV[3] == '' and ARGV[5] == '0'
                  and ARGV[6] == '' then
                redis.call('SET', KEYS[1], string.match(state, '%d+'), 'PX', ARGV[2])
                return 1
              end
              if not mine and ARGV[3] == '' then
                return 0
              end
              local now
              if not state or waiters ~= '0' or marks ~= '' or ARGV[3] ~= '' or ARGV[5] ~= '0' then
                local time = redis.call('TIME')
                now = time[1] * 1000000 + time[2]
              end
              if state and now and stop - now > 31622400000000 then
                return redis.error_reply('LOCKSTATE the lease of the lock ends beyond all leases')
              end
              if not state then
                token, stop, owner, move, waiters, promised, marks = now, 0, '-', '0', '0', '0', ''
              end
              if mine then
                if waiters ~= '0' and tonumber(waiters) <= now then
                  waiters = '0'
                end
                promised = '0'
                if waiters ~= '0' and ARGV[5] == '0' then
                  if ARGV[4] == 'ask' then
                    return 2
                  end
                  if ARGV[4] == 'wake' then
                    if not redis.acl_check_cmd('PEXPIRE', KEYS[2], 2000) then
                      return redis.error_reply(
                          'NOPERM this user has no permissions to run PEXPIRE on the wake list')
                    end
                    if redis.call('RPUSH', KEYS[2], string.format('%.0f', token)) > 1 then
                      redis.call('LTRIM', KEYS[2], -1, -1)
                    end
                    redis.call('PEXPIRE', KEYS[2], 2000)
                    promised = string.format('%.0f', now + 20000)
                  end
                end
                stop, owner, move = 0, '-', '0'
                if ARGV[5] ~= '0' then
                  stop = now + ARGV[5] * 1000
                end
              end
              if ARGV[3] ~= '' then
                marks = string.format('%s t%s:%.0f', marks, string.sub(ARGV[1], 1, 8),
                    math.floor(now / 1000) + ARGV[2])
              end
              if now then
              """
              + PRUNE
              + """
              end
              local ttl = ARGV[2] + 0
              if now then
                ttl = ttl + (math.max(0, token - now) + math.max(0, stop - now)) / 1000
              end
              ttl = string.format('%.0f', ttl)
              if ARGV[6] ~= '' then
                redis.call('PEXPIRE', KEYS[1], ttl)
              end
              redis.call('SET', KEYS[1],
                  string.format('%.0f %.0f %s %s %s %s%s', token, stop, owner, move, waiters,
                      promised, marks),
                  'PX', ttl)
              return mine and 1 or 0
              """);

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
}
