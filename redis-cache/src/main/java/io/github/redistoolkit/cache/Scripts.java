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
   * Has OUTLIVED in a script say whether an entry has a {@link StaleMark}, by its {@code head}, and
   * OUTLIVES for how many milliseconds its key outlives it. Most entries have none, and functions
   * for it would take the script more time than all else that it does.
   */
  private static LuaScript withStaleMark(String source) {
    return LuaScript.of(
        source
            .replace("OUTLIVED", "string.sub(head, 1, 4) == '\\n\\t\\t\\n'")
            .replace(
                "OUTLIVES",
                "(tonumber(string.gsub(string.gsub(string.sub(head, 5, 52), ' ', '0'), '\\t', '1'),"
                    + " 2) or 0)"));
  }

  /**
   * What reads and writes numbers as {@link RefreshMark} and {@link StaleMark} have them, and tells
   * whether an entry is past its time, by what it begins with. For what is rare, see {@link
   * #withStaleMark}.
   */
  private static final String MARKS =
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
        return tonumber(string.gsub(string.gsub(text, ' ', '0'), '\\t', '1'), 2) or 0
      end
      local function outlives(head)
        if string.sub(head, 1, 4) == '\\n\\t\\t\\n' then
          return number(string.sub(head, 5, 52))
        end
        return 0
      end
      local function is_past(key, head)
        local outlives = outlives(head)
        if outlives == 0 then
          return false
        end
        local life = redis.call('PTTL', key)
        return life >= 0 and life <= outlives
      end
      """;

  /**
   * KEYS: keys. Deletes them unless an update holds one. Returns how many entries there were. What
   * looks like a hold and ends by itself never, is none.
   */
  static final LuaScript DELETE =
      withStaleMark(
          """
          local removed = 0
          for _, key in ipairs(KEYS) do
            local head = redis.pcall('GETRANGE', key, 0, 51)
            if type(head) == 'table' then
              if not string.find(head.err, 'WRONGTYPE', 1, true) then
                return head
              end
              head = ''
            end
            if string.sub(head, 1, 6) ~= '#hold:' or redis.call('PTTL', key) == -1 then
              local entry = string.sub(head, 1, 1) ~= '#'
              if OUTLIVED then
                local outlives = OUTLIVES
                local life = outlives > 0 and redis.call('PTTL', key) or -1
                entry = life < 0 or life > outlives
              end
              local existed = redis.call('UNLINK', key)
              if entry then
                removed = removed + existed
              end
            end
          end
          return removed
          """);

  /** KEYS: the key. ARGV: milliseconds to live. Returns 1 if there was an entry. */
  static final LuaScript TOUCH =
      withStaleMark(
          """
          local head = redis.call('GETRANGE', KEYS[1], 0, 51)
          if string.sub(head, 1, 1) == '#' then
            return 0
          end
          local life = ARGV[1]
          if OUTLIVED then
            local outlives = OUTLIVES
            local left = outlives > 0 and redis.call('PTTL', KEYS[1]) or -1
            if left >= 0 and left <= outlives then
              return 0
            end
            life = string.format('%.0f', life + outlives)
          end
          return redis.call('PEXPIRE', KEYS[1], life)
          """);

  /** KEYS: the key. Returns milliseconds to live, -1 for ever, -2 if there is no entry. */
  static final LuaScript TTL =
      withStaleMark(
          """
          local head = redis.call('GETRANGE', KEYS[1], 0, 51)
          if string.sub(head, 1, 1) == '#' then
            return -2
          end
          local life = redis.call('PTTL', KEYS[1])
          if OUTLIVED and life >= 0 then
            local outlives = OUTLIVES
            if outlives > 0 then
              return life > outlives and life - outlives or -2
            end
          end
          return life
          """);

  /**
   * KEYS: the key. ARGV: the lease up to its end, the milliseconds that it lasts, those that its
   * key lives, the SHA-1 of an undecodable entry that may be replaced or nothing, a lease that is
   * known to be dead or nothing, 1 if a load that has failed a moment ago is not to be tried again.
   * Returns 1 if the lease is the caller's, 2 for such a load. An entry past its time, or what an
   * older lease kept of it, is kept behind the lease, with the time at which it is to end.
   */
  static final LuaScript CLAIM =
      LuaScript.of(
          NOW
              + """
              local current = redis.call('GET', KEYS[1])
              local life = tonumber(ARGV[3])
              local kept = ''
              local free = not current
              if current and string.find(current, '^[#\\n]') then
              """
              + MARKS
              + """
                local mark = string.match(current, '^#[^\\n]*')
                if mark and (string.find(mark, '^#lease:') or string.find(mark, '^#hold:')) then
                  local mine = string.sub(mark, 1, #ARGV[1]) == ARGV[1]
                  local dead = ARGV[5] ~= '' and string.sub(mark, 1, #ARGV[5]) == ARGV[5]
                  if not mine and not dead then
                    for last in string.gmatch(mark, '@(%d+)') do
                      local left = tonumber(last) - now
                      if left > 0 and left <= 3600000 then
                        return 0
                      end
                    end
                  end
                  kept = string.sub(current, #mark + 1)
                  local left = number(string.sub(kept, 53, 100)) - now
                  if outlives(kept) == 0 or left <= 0 then
                    kept = ''
                  else
                    life = math.max(life, left)
                  end
                  free = true
                elseif is_past(KEYS[1], current) then
                  local again = number(string.sub(current, 53, 100)) - now
                  if ARGV[6] == '1' and again > 0 and again <= 3600000 then
                    return 2
                  end
                  local left = redis.call('PTTL', KEYS[1])
                  kept = string.sub(current, 1, 52) .. bits(now + left) .. string.sub(current, 101)
                  if #kept > 200 and string.find(string.sub(kept, -100), '^\\n\\t\\n\\t[ \\t]+$') then
                    kept = string.sub(kept, 1, -101)
                  end
                  life = math.max(life, left)
                  free = true
                end
              end
              if not free and (ARGV[4] == '' or redis.sha1hex(current) ~= ARGV[4]) then
                return 0
              end
              redis.call('SET', KEYS[1],
                  ARGV[1] .. string.format('%.0f', now + ARGV[2]) .. kept,
                  'PX', string.format('%.0f', life))
              return 1
              """);

  /**
   * KEYS: the key. ARGV: the lease up to its end, the milliseconds that it lasts from now, those
   * that its key lives at least. Returns 1 if it is still there.
   */
  static final LuaScript RENEW =
      LuaScript.of(
          NOW
              + """
              if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
                return 0
              end
              redis.call('SETRANGE', KEYS[1], #ARGV[1], string.format('%.0f', now + ARGV[2]))
              redis.call('PEXPIRE', KEYS[1],
                  string.format('%.0f', math.max(redis.call('PTTL', KEYS[1]), ARGV[3])))
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

  /**
   * KEYS: the key. ARGV: the lease up to its end, and if what is kept behind it is to be there
   * again, the milliseconds for which nobody is to load it. Returns 1 if the lease was still there.
   */
  static final LuaScript RELEASE =
      LuaScript.of(
          """
          if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then
            return 0
          end
          local kept = ARGV[2] ~= '' and redis.call('GETRANGE', KEYS[1], #ARGV[1] + 13, -1) or ''
          if kept ~= '' then
          """
              + NOW
              + MARKS
              + """
                local left = number(string.sub(kept, 53, 100)) - now
                if outlives(kept) > 0 and left > 0 then
                  redis.call('SET', KEYS[1],
                      string.sub(kept, 1, 52) .. bits(now + ARGV[2]) .. string.sub(kept, 101),
                      'PX', string.format('%.0f', left))
                  return 1
                end
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
      withStaleMark(
          """
          local head = redis.call('GETRANGE', KEYS[1], 0, 51)
          if string.sub(head, 1, 6) == '#hold:' and redis.call('PTTL', KEYS[1]) ~= -1 then
            return 0
          end
          local entry = redis.call('EXISTS', KEYS[1]) == 1 and string.sub(head, 1, 1) ~= '#'
          if OUTLIVED then
            local outlives = OUTLIVES
            local life = outlives > 0 and redis.call('PTTL', KEYS[1]) or -1
            entry = life < 0 or life > outlives
          end
          if entry ~= (ARGV[3] == 'present') then
            return 0
          end
          redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
          return 1
          """);

  /**
   * KEYS: the key. ARGV: the sign of a refresh and its token, the milliseconds that it lasts, those
   * that the entry may still live at most. Marks an entry as being refreshed, unless somebody
   * refreshes it. Returns 1 if the refresh is the caller's.
   */
  static final LuaScript BEGIN_REFRESH =
      LuaScript.of(
          NOW
              + MARKS
              + """
              local head = redis.call('GETRANGE', KEYS[1], 0, 51)
              local life = redis.call('PTTL', KEYS[1]) - outlives(head)
              if life <= 0 or life > tonumber(ARGV[3]) or string.sub(head, 1, 1) == '#' then
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
              + MARKS
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
