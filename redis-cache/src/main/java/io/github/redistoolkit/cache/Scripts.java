package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.LuaScript;

/**
 * What the cache runs in Redis. Each is safe to run twice by the same caller, and does nothing if
 * it comes late.
 *
 * <p>A mark carries the time at which it ends, in milliseconds of Redis's own time. Its key lives
 * longer, as long as an entry: a server that makes room by evicting what expires first would else
 * evict the marks first. What is no mark of ours, or ends later than any that we make, has ended.
 */
final class Scripts {

  private Scripts() {}

  /** The longest lease or hold; whatever says that it ends later was not written by a cache. */
  static final long LONGEST_MARK_MILLIS = 3_600_000;

  /** Begins scripts that compare times. */
  private static final String NOW =
      """
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      """;

  /**
   * KEYS: keys. Deletes them unless an update holds one. Returns how many entries there were. What
   * looks like a hold and ends by itself never, is none.
   */
  static final LuaScript DELETE =
      LuaScript.of(
          """
          local removed = 0
          for _, key in ipairs(KEYS) do
            local head = redis.pcall('GETRANGE', key, 0, 5)
            if type(head) == 'table' and not string.find(head.err, 'WRONGTYPE', 1, true) then
              return head
            end
            if head ~= '#hold:' or redis.call('PTTL', key) == -1 then
              local existed = redis.call('UNLINK', key)
              if type(head) == 'table' or string.sub(head, 1, 1) ~= '#' then
                removed = removed + existed
              end
            end
          end
          return removed
          """);

  /** KEYS: the key. ARGV: milliseconds to live. Returns 1 if there was an entry. */
  static final LuaScript TOUCH =
      LuaScript.of(
          """
          if redis.call('GETRANGE', KEYS[1], 0, 0) == '#' then
            return 0
          end
          return redis.call('PEXPIRE', KEYS[1], ARGV[1])
          """);

  /** KEYS: the key. Returns milliseconds to live, -1 for ever, -2 if there is no entry. */
  static final LuaScript TTL =
      LuaScript.of(
          """
          if redis.call('GETRANGE', KEYS[1], 0, 0) == '#' then
            return -2
          end
          return redis.call('PTTL', KEYS[1])
          """);

  /**
   * KEYS: the key. ARGV: the lease up to its end, the milliseconds that it lasts, those that its
   * key lives, the SHA-1 of an undecodable entry that may be replaced or nothing, a lease that is
   * known to be dead or nothing. Returns 1 if the lease is the caller's.
   */
  static final LuaScript CLAIM =
      LuaScript.of(
          NOW
              + """
              local current = redis.call('GET', KEYS[1])
              if current and string.sub(current, 1, #ARGV[1]) ~= ARGV[1]
                  and (ARGV[5] == '' or string.sub(current, 1, #ARGV[5]) ~= ARGV[5]) then
                if string.find(current, '^#lease:') or string.find(current, '^#hold:') then
                  for last in string.gmatch(current, '@(%d+)') do
                    local left = tonumber(last) - now
                    if left > 0 and left <= 3600000 then
                      return 0
                    end
                  end
                elseif ARGV[4] == '' or redis.sha1hex(current) ~= ARGV[4] then
                  return 0
                end
              end
              redis.call('SET', KEYS[1], ARGV[1] .. string.format('%.0f', now + ARGV[2]),
                  'PX', ARGV[3])
              return 1
              """);

  /**
   * KEYS: the key. ARGV: the lease up to its end, the milliseconds that it lasts from now, those
   * that its key lives. Returns 1 if it is still there.
   */
  static final LuaScript RENEW =
      LuaScript.of(
          NOW
              + """
              local current = redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1)
              if current ~= ARGV[1] then
                return 0
              end
              redis.call('SET', KEYS[1], ARGV[1] .. string.format('%.0f', now + ARGV[2]),
                  'PX', ARGV[3])
              return 1
              """);

  /** KEYS: the key. ARGV: the lease, the value, its milliseconds to live. 1 if stored. */
  static final LuaScript FILL =
      LuaScript.of(
          """
          if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
            return 0
          end
          redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
          return 1
          """);

  /** KEYS: the key. ARGV: the lease up to its end. Returns 1 if it was still there. */
  static final LuaScript RELEASE =
      LuaScript.of(
          """
          if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
            return 0
          end
          return redis.call('DEL', KEYS[1])
          """);

  /**
   * KEYS: the key. ARGV: the update's token, the milliseconds that its hold lasts or 0 to end it,
   * those that its key lives at least. Adds or removes one of the holds under the key, and drops
   * those that have ended. Replaces anything that is not a hold; leaves nothing if no hold is left.
   */
  static final LuaScript HOLD =
      LuaScript.of(
          NOW
              + """
              local last = now + ARGV[2]
              local holds = {}
              if last > now then
                holds[1] = ARGV[1] .. '@' .. string.format('%.0f', last)
              end
              local current = redis.pcall('GET', KEYS[1])
              if type(current) == 'table'
                  and not string.find(current.err, 'WRONGTYPE', 1, true) then
                return current
              end
              if type(current) == 'string' and string.sub(current, 1, 6) == '#hold:' then
                for token, ending in string.gmatch(string.sub(current, 7), '([^,@]+)@(%d+)') do
                  local left = tonumber(ending) - now
                  if token ~= ARGV[1] and left > 0 and left <= 3600000 then
                    holds[#holds + 1] = token .. '@' .. ending
                    last = math.max(last, tonumber(ending))
                  end
                end
              end
              if #holds == 0 then
                return redis.call('UNLINK', KEYS[1])
              end
              redis.call('SET', KEYS[1], '#hold:' .. table.concat(holds, ','),
                  'PX', string.format('%.0f', math.max(last - now, ARGV[3])))
              return #holds
              """);

  /**
   * KEYS: the key. ARGV: the update's token, the milliseconds that its hold lasts from now, those
   * that its key lives at least. Returns 1 if the hold is still there: one that has ended does not
   * come back by a renewal that arrives late.
   */
  static final LuaScript RENEW_HOLD =
      LuaScript.of(
          NOW
              + """
              local current = redis.call('GET', KEYS[1])
              if not current or string.sub(current, 1, 6) ~= '#hold:' then
                return 0
              end
              local renewed = 0
              local holds = {}
              for token, ending in string.gmatch(string.sub(current, 7), '([^,@]+)@(%d+)') do
                if token == ARGV[1] then
                  ending = string.format('%.0f', now + ARGV[2])
                  renewed = 1
                end
                holds[#holds + 1] = token .. '@' .. ending
              end
              if renewed == 1 then
                local life = math.max(redis.call('PTTL', KEYS[1]), ARGV[2], ARGV[3])
                redis.call('SET', KEYS[1], '#hold:' .. table.concat(holds, ','),
                    'PX', string.format('%.0f', life))
              end
              return renewed
              """);

  /**
   * KEYS: the key. ARGV: the value, its milliseconds to live, {@code absent} or {@code present}.
   * Stores it if there is no entry, or if there is one. Returns 1 if stored. Where an update holds
   * the key, neither is the case.
   */
  static final LuaScript SET_IF =
      LuaScript.of(
          """
          local head = redis.call('GETRANGE', KEYS[1], 0, 5)
          if head == '#hold:' and redis.call('PTTL', KEYS[1]) ~= -1 then
            return 0
          end
          local entry = redis.call('EXISTS', KEYS[1]) == 1 and string.sub(head, 1, 1) ~= '#'
          if entry ~= (ARGV[3] == 'present') then
            return 0
          end
          redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
          return 1
          """);

  /** What reads and writes the time at which a refresh ends, as {@link RefreshMark} has it. */
  private static final String BITS =
      """
      local function bits(number)
        local all = {}
        for i = 48, 1, -1 do
          all[i] = number % 2 == 1 and '\\t' or ' '
          number = math.floor(number / 2)
        end
        return table.concat(all)
      end
      local function number(text)
        local zeros = string.gsub(text, ' ', '0')
        local digits = string.gsub(zeros, '\\t', '1')
        return tonumber(digits, 2) or 0
      end
      """;

  /**
   * KEYS: the key. ARGV: the sign of a refresh and its token, the milliseconds that it lasts, those
   * that the entry may still live at most. Marks an entry as being refreshed, unless somebody
   * refreshes it. Returns 1 if the refresh is the caller's.
   */
  static final LuaScript BEGIN_REFRESH =
      LuaScript.of(
          NOW
              + BITS
              + """
              local life = redis.call('PTTL', KEYS[1])
              if life < 0 or life > tonumber(ARGV[3])
                  or redis.call('GETRANGE', KEYS[1], 0, 0) == '#' then
                return 0
              end
              local size = redis.call('STRLEN', KEYS[1])
              local tail = redis.call('GETRANGE', KEYS[1], -100, -1)
              if size > 100 and string.find(tail, '^\\n\\t\\n\\t[ \\t]+$') then
                local left = number(string.sub(tail, 53)) - now
                if string.sub(tail, 1, 52) ~= ARGV[1] and left > 0 and left <= 3600000 then
                  return 0
                end
                redis.call('SETRANGE', KEYS[1], size - 100, ARGV[1] .. bits(now + ARGV[2]))
              else
                redis.call('APPEND', KEYS[1], ARGV[1] .. bits(now + ARGV[2]))
              end
              return 1
              """);

  /** KEYS: the key. ARGV: the sign and token of a refresh, its milliseconds. 1 if still there. */
  static final LuaScript RENEW_REFRESH =
      LuaScript.of(
          NOW
              + BITS
              + """
              local size = redis.call('STRLEN', KEYS[1])
              if size <= 100 or redis.call('GETRANGE', KEYS[1], -100, -49) ~= ARGV[1] then
                return 0
              end
              redis.call('SETRANGE', KEYS[1], size - 48, bits(now + ARGV[2]))
              return 1
              """);

  /**
   * KEYS: the key. ARGV: the sign and token of a refresh, the value or nothing to delete it, its
   * milliseconds to live. Returns 1 if the refresh was still there.
   */
  static final LuaScript END_REFRESH =
      LuaScript.of(
          """
          if redis.call('STRLEN', KEYS[1]) <= 100
              or redis.call('GETRANGE', KEYS[1], -100, -49) ~= ARGV[1] then
            return 0
          end
          if ARGV[2] == '' then
            redis.call('UNLINK', KEYS[1])
          else
            redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
          end
          return 1
          """);
}
