-- Decides on permits for one id or several, under all their limits at once, and books them if every
-- limit agrees. Everything is read and checked before anything is written. A refusal and a question
-- write nothing, unless the clock was stepped back or a bucket has another size since the last call.
--
-- KEYS     the state of each id, all in one slot
-- ARGV     1 ''; or rarely: time ('-' for the server's), most permits to take beside, how long they
--            may be kept before they are used, permits to give back, instant of a booking to cancel
--          2 the name of this call, 8 characters: sent again, it is answered as the first time
--          3 longest wait; -1 only asks, -2 charges whatever the limits say, -3 cancels
--          then for each key the permits and the number of its limits, and for each of these
--            a window: its length; permits; the grain of its log
--            a bucket: its period + 2^47; capacity; refill
-- returns  permits granted, 0 if refused; instant at which the permits fit, by the id's time; wait
--          until then; then for each limit permits left, wait until these permits fit, time until
--          all have come back
--
-- Times are microseconds: whole numbers that a double holds exactly, as everything here is.
--
-- An id's time is the server's, plus what the server's clock was stepped back by while the id had a
-- history: it never goes back, and goes on at once.
--
-- A state is a string: a head, a section for each limit, then the log of each window. It is read in
-- one piece, if it is not long, and written where it changes. What is not such a state counts as
-- none. Sections of limits that this call does not name are kept as long as they matter.
--   head     version; name of the last call that wrote; time seen by it; what the id's time is ahead
--            of the server's; instant of the newest booking; end of the key's life; number of sections
--   window   its length; time of the newest entry; permits recorded up to the window's start, and
--            in all; index of the oldest entry, number of entries, room for entries
--   bucket   its period + 2^47; an instant, the tokens then (fewer than none is a debt) and the part
--            of the next one, in 1/period; its capacity and refill
--   log      a ring of entries: last instant of a grain, permits recorded before it
--
-- Upper-case names are constants. Whoever loads the script puts their values in, since every local
-- that a function sees costs memory at each call; so do functions, so that those which are rarely
-- needed are made where they are.
-- HEAD = '>Bc8I7I7I7I7B'
-- WINDOW = '>I6I7I4I4I2I2I2xxxxx'
-- BUCKET = '>I6I7i5I6I4I4'
-- ENTRY = '>I6I4'
-- VERSION = 1
-- HEAD_SIZE = 38
-- SECTION_SIZE = 32
-- ENTRY_SIZE = 10
-- the last byte that is read at once (as text, since Redis takes long to write a number as one), and
-- up to where a head and an entry are written at once:
-- PAGE_END = '1023'
-- NEAR = 400
-- IS_BUCKET = 140737488355328
-- what an entry's time and permits are kept modulo, to be short: nine years, 2 ^ 32:
-- TIME_WRAP = 281474976710656
-- PERMITS_WRAP = 4294967296
-- MOST_SECTIONS = 16
-- MOST_AHEAD = 4096
-- MOST_ENTRIES = 8000
-- MOST_DEBT = 17179869184
-- DAY = 86400000000
-- LONGEST = 31622400000000
-- LATEST = 4503599627370496
-- ONLY_ASKS = -1
-- CHARGES = -2
-- CANCELS = -3

local call, longest = ARGV[2], tonumber(ARGV[3])
local clock, extra, hold, back, booked = nil, 0, 0, 0, 0
if ARGV[1] ~= '' then
  local number = string.gmatch(ARGV[1], '[^ ]+')
  clock, extra, hold = tonumber(number()), tonumber(number()), tonumber(number())
  back, booked = tonumber(number()), tonumber(number())
end
-- A key's life passes in the server's time: where another is given, it must not end first.
local spare = 60000
if not clock then
  local time = redis.call('TIME')
  clock, spare = time[1] * 1000000 + time[2], 0
end

-- The log that is looked at: the key and what was read of it, where the log is in it, and its window.
local key, value, log, last, total, first, count, room
local piece, piece_at = '', 0

-- The time of an entry, and the permits recorded before it.
local function entry(index)
  local at = log + (first + index) % room * ENTRY_SIZE
  local text, from = value, at
  if at + ENTRY_SIZE > #value then
    if at < piece_at or at + ENTRY_SIZE > piece_at + #piece then
      piece, piece_at = redis.call('GETRANGE', key, at, at + 8 * ENTRY_SIZE - 1), at
    end
    text, from = piece, at - piece_at
    if from + ENTRY_SIZE > #text then
      return 0, total -- cut off by somebody
    end
  end
  local time, before = struct.unpack(ENTRY, text, from + 1)
  return last - (last - time) % TIME_WRAP, before
end

-- The first entry from this one on that is later than an instant and has no more permits from it on
-- than given. Doubles its steps, since it is mostly close.
local function find(low, instant, most)
  local probe, step = low, 1
  while probe < count do
    local time, before = entry(probe)
    if time > instant and (total - before) % PERMITS_WRAP <= most then
      break
    end
    low, probe, step = probe + 1, probe + step, step * 2
  end
  local high = probe < count and probe or count
  while low < high do
    local middle = math.floor((low + high) / 2)
    local time, before = entry(middle)
    if time > instant and (total - before) % PERMITS_WRAP <= most then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Of a log with so many live permits, those that count at an instant that is ahead.
local function counted_at(instant, length, live, skip)
  if live == 0 or last <= instant - length then
    return 0, count
  end
  local from = find(skip, instant - length, PERMITS_WRAP)
  local _, before = entry(from)
  return math.min(live, (total - before) % PERMITS_WRAP), from
end

-- floor(a * b / divisor) and the remainder, for b < 2^35 and divisor < 2^45.
local function multiply_divide(a, b, divisor)
  if a * b < 2 ^ 53 then
    local quotient = math.floor(a * b / divisor)
    return quotient, a * b - quotient * divisor
  end
  -- The product does not fit a double: long multiplication, seven bits of b at a time.
  local quotient = math.floor(a / divisor)
  a, quotient = a - quotient * divisor, quotient * b
  local high, rest = 0, 0
  for shift = 28, 0, -7 do
    rest = rest * 128 + a * (math.floor(b / 2 ^ shift) % 128)
    local digit = math.floor(rest / divisor)
    high, rest = high * 128 + digit, rest - digit * divisor
  end
  return quotient + high, rest
end

-- The tokens of a bucket so much later, and the part of the next one.
local function level(tokens, part, passed, period, capacity, refill)
  if passed > 0 then
    if passed * refill > (capacity - tokens + 1) * period then
      return capacity, 0
    end
    local gained, rest = multiply_divide(passed, refill, period)
    tokens, part = tokens + gained, part + rest
    if part >= period then
      tokens, part = tokens + 1, part - period
    end
  end
  if tokens >= capacity then
    return capacity, 0
  end
  return tokens, part
end

-- The time that a bucket, left alone, takes to hold so many tokens.
local function time_to(tokens, part, goal, period, refill)
  if tokens >= goal then
    return 0
  end
  local time, rest = multiply_divide(period, goal - tokens, refill)
  return time + math.ceil((rest - part) / refill)
end

local states, limits, wait, known = {}, {}, 0, false
local argument = 4
for index = 1, #KEYS do
  key = KEYS[index]
  value = redis.call('GETRANGE', key, '0', PAGE_END)
  local seen, ahead, newest, ends, sections, last_call = 0, 0, 0, 0, 0, '--------'
  if #value >= HEAD_SIZE then
    local version
    version, last_call, seen, ahead, newest, ends, sections = struct.unpack(HEAD, value)
    if version ~= VERSION or sections > MOST_SECTIONS
        or #value < HEAD_SIZE + sections * SECTION_SIZE
        or seen > LATEST or ahead > LATEST or newest > seen + DAY then
      seen, ahead, newest, ends, sections = 0, 0, 0, 0, 0
    else
      known = known or last_call == call
    end
  end
  local now, changed = clock + ahead, false
  if now < seen then
    ahead, now, changed = ahead + seen - now, seen, true
  end
  local from = newest > now and newest or now
  local wanted, number = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1])
  argument = argument + 1
  local in_place, next_log = number == sections, HEAD_SIZE + sections * SECTION_SIZE
  for nth = 1, number do
    local id, permits, rate =
        tonumber(ARGV[argument + 1]), tonumber(ARGV[argument + 2]), tonumber(ARGV[argument + 3])
    argument = argument + 3
    local at, found = HEAD_SIZE + (nth - 1) * SECTION_SIZE, nil
    log = next_log
    if nth <= sections then
      found = struct.unpack('>I6', value, at + 1) == id
      if not found or not in_place then
        -- Another limiter has written it, whose limits are others or in another order.
        found, at, log = false, HEAD_SIZE, HEAD_SIZE + sections * SECTION_SIZE
        for _ = 1, sections do
          local other = struct.unpack('>I6', value, at + 1)
          if other == id then
            found = true
            break
          elseif other < IS_BUCKET then
            log = log + struct.unpack('>I2', value, at + 26) * ENTRY_SIZE
          end
          at = at + SECTION_SIZE
        end
      end
    end
    in_place = in_place and found
    if id < IS_BUCKET then
      local live, skip = 0, 0
      local base = 0
      last, total, first, count, room = 0, 0, 0, 0, 0
      if found then
        local _
        _, last, base, total, first, count, room = struct.unpack(WINDOW, value, at + 1)
        next_log = log + room * ENTRY_SIZE
      end
      if last > now - id and count > 0 and count <= room and first < room
          and last <= from + 2 * id then
        live = (total - base) % PERMITS_WRAP
        if entry(0) <= now - id then
          live, skip = counted_at(now, id, live, 1)
        end
      else
        skip = count
      end
      if back > 0 and live > 0 and not known then
        live, changed = live - back, true
        if live <= 0 then
          live, skip = 0, count
        end
      end
      local held, begin, fits = live, skip, from
      if newest > now then
        held, begin = counted_at(newest, id, live, skip)
      end
      if held + wanted > permits and held > 0 and longest ~= CHARGES then
        local frees = entry(find(begin + 1, 0, permits - wanted) - 1) + id
        fits = frees > fits and frees or fits
      end
      limits[#limits + 1] = {
        state = index, id = id, permits = permits, grain = rate, fits = fits,
        left = (newest > now or live > permits) and 0 or permits - live,
        full = live > 0 and last + id or now,
        live = live, skip = skip, log = log,
        last = last, total = total, first = first, count = count, room = room,
      }
      wait = fits - now > wait and fits - now or wait
    else
      local period = id - IS_BUCKET
      local tokens, part, time = permits, 0, from
      if found then
        local _, then_tokens, then_part, then_time, capacity, refill
        _, then_time, then_tokens, then_part, capacity, refill = struct.unpack(BUCKET, value, at + 1)
        if then_time <= from + DAY and then_part < period and capacity > 0 and refill > 0
            and then_tokens <= capacity and then_tokens >= -MOST_DEBT then
          tokens, part = level(then_tokens, then_part, from - then_time, period, capacity, refill)
          time = then_time > from and then_time or from
          if capacity ~= permits or refill ~= rate then
            changed = true
            if tokens >= permits then
              tokens, part = permits, 0
            end
          end
        end
      end
      if back > 0 and tokens < permits and not known then
        tokens, changed = tokens + back, true
        if tokens >= permits then
          tokens, part = permits, 0
        end
      end
      local fits = time + time_to(tokens, part, wanted > permits and permits or wanted, period, rate)
      fits = tokens >= wanted and from or fits
      limits[#limits + 1] = {
        state = index, id = id, permits = permits, period = period, refill = rate, fits = fits,
        left = (newest > now or tokens < 0) and 0 or tokens,
        full = tokens >= permits and now or time + time_to(tokens, part, permits, period, rate),
        tokens = tokens, part = part, time = time,
      }
      wait = fits - now > wait and fits - now or wait
    end
  end
  argument = argument + 1
  states[index] = {
    key = key, value = value, wanted = wanted, now = now, ahead = ahead, newest = newest, ends = ends,
    sections = sections, last_call = last_call, number = number, changed = changed, in_place = in_place,
  }
end

-- Looks at the log of a window again.
local function look_at(limit)
  local state = states[limit.state]
  key, value, piece = state.key, state.value, ''
  log, last, total = limit.log, limit.last, limit.total
  first, count, room = limit.first, limit.count, limit.room
end

local granted = wait <= longest or longest == CHARGES
if granted and wait > 0 and longest ~= CHARGES and not known then
  for _, limit in ipairs(limits) do
    if limit.grain then
      look_at(limit)
      -- More bookings than one log may hold.
      if limit.live + states[limit.state].wanted >= PERMITS_WRAP or count - limit.skip >= MOST_AHEAD
          and entry(count - MOST_AHEAD) - limit.grain + 1 > states[limit.state].now then
        granted = false
      end
    end
  end
end
if known and longest ~= ONLY_ASKS and longest ~= CANCELS then
  granted = true
end
local takes = granted and not known
if extra > 0 then
  -- Half of what is left at most: others come at the same time.
  for _, limit in ipairs(limits) do
    extra = math.min(extra, math.floor((limit.left - states[limit.state].wanted) / 2))
  end
  extra = wait == 0 and takes and extra > 0 and extra or 0
end
if longest == CHARGES or known then
  wait = 0
end

if longest == CANCELS and not known then
  -- Takes the permits out of where they were booked, and lets others have what is free then.
  for _, limit in ipairs(limits) do
    local state = states[limit.state]
    state.free = state.free or state.now
    if limit.grain then
      look_at(limit)
      local entries, removed, kept = {}, 0, 0
      for at = limit.skip, count - 1 do
        local time, before = entry(at)
        local after = total
        if at + 1 < count then
          local _, next_before = entry(at + 1)
          after = next_before
        end
        local permits, cut = (after - before) % PERMITS_WRAP, 0
        if time >= booked then
          cut = math.min(permits, state.wanted - removed)
        end
        if cut < permits then
          entries[#entries + 1] = struct.pack(ENTRY, time % TIME_WRAP, (before - removed) % PERMITS_WRAP)
          kept = time
        end
        removed = removed + cut
      end
      limit.total, limit.live = (total - removed) % PERMITS_WRAP, math.max(0, limit.live - removed)
      limit.rebuilt, limit.last = table.concat(entries), kept
      limit.first, limit.skip, limit.count, limit.room = 0, 0, #entries, #entries
      state.free = math.max(state.free, kept)
    end
  end
  for index = 1, #states do
    local state = states[index]
    state.changed = true
    if booked >= state.newest then
      state.newest = math.min(state.newest, state.free)
    end
  end
  for _, limit in ipairs(limits) do
    if not limit.grain then
      local state = states[limit.state]
      limit.tokens = limit.tokens + state.wanted
      local back_to = math.max(state.now, state.newest)
      if limit.time > back_to then
        local gained, rest = multiply_divide(limit.time - back_to, limit.refill, limit.period)
        limit.tokens, limit.part, limit.time = limit.tokens - gained, limit.part - rest, back_to
        if limit.part < 0 then
          limit.tokens, limit.part = limit.tokens - 1, limit.part + limit.period
        end
      end
      if limit.tokens >= limit.permits then
        limit.tokens, limit.part = limit.permits, 0
      end
    end
  end
end

local function run(command, ...)
  local reply = redis.pcall(command, ...)
  if type(reply) == 'table' and reply.err then
    if string.find(reply.err, "user executing the script can't run", 1, true) then
      reply = {err = 'NOPERM this user has no permissions to run ' .. command .. ' on a rate limit'}
    end
    error(reply)
  end
end

local reply, next_limit = {granted and states[1].wanted + extra or 0, 0, wait}, 1
for index = 1, #states do
  local state = states[index]
  local now, at = state.now, state.now + wait
  if (longest == CHARGES or known) and state.newest > at then
    at = state.newest
  end
  if index == 1 then
    reply[2], reply[3] = at, at - now
  end
  local told, taken = granted and at or now, takes and state.wanted + extra or 0
  local writes, in_place = taken > 0 or state.changed, state.in_place
  local ends, all_full, last_limit = 0, 0, next_limit + state.number - 1
  for nth = next_limit, last_limit do
    local limit = limits[nth]
    local left, full = limit.left, limit.full
    if limit.grain then
      local live, skip = limit.live, limit.skip
      if granted then
        local counted = live
        if at > now then
          look_at(limit)
          counted = counted_at(at, limit.id, live, skip)
        end
        left = limit.permits - counted - taken
      end
      if writes then
        last, total, room = limit.last, limit.total, limit.room
        first, count = room > 0 and (limit.first + skip) % room or 0, limit.count - skip
        limit.first, limit.kept, limit.append = first, count, ''
        if taken > 0 then
          local time = at + hold
          time = time - time % limit.grain + limit.grain - 1
          if count == 0 or time > last and count < MOST_ENTRIES then
            limit.append = struct.pack(ENTRY, time % TIME_WRAP, total)
            last, count = time, count + 1
          elseif time > last then
            look_at(limit)
            local _, before = entry(count - 1 + skip)
            limit.append, limit.kept = struct.pack(ENTRY, time % TIME_WRAP, before), count - 1
            last = time
          end
          -- As much as a log can count.
          local more = math.min(taken, PERMITS_WRAP - 1 - live)
          total, live = (total + more) % PERMITS_WRAP, live + more
        end
        in_place = in_place and not limit.rebuilt and count <= room and (count * 4 >= room or room <= 16)
        limit.count = count
        full = live > 0 and last + limit.id or now
        limit.last, limit.base, limit.total = last, (total - live) % PERMITS_WRAP, total
        limit.text = struct.pack(WINDOW, limit.id, last, limit.base, total, first, count, room)
      end
    else
      local tokens, part = limit.tokens, limit.part
      local period, refill, capacity = limit.period, limit.refill, limit.permits
      if granted then
        tokens, part = level(tokens, part, at - limit.time, period, capacity, refill)
        tokens = tokens - taken
        limit.time = math.max(limit.time, takes and at + hold or at)
        left = tokens
      end
      if writes then
        -- A debt is cut off where it would take longer than a year to pay.
        tokens = math.max(tokens, -MOST_DEBT, capacity - math.floor(LONGEST / period * refill))
        full = limit.time + time_to(tokens, part, capacity, period, refill)
        limit.text = struct.pack(BUCKET, limit.id, limit.time, tokens, part, capacity, refill)
        -- Not forgotten at once, so that it need not be made anew for each permit.
        ends = math.max(ends, limit.time + period)
      end
    end
    all_full = full > all_full and full or all_full
    reply[#reply + 1] = left > 0 and left or 0
    reply[#reply + 1] = granted and 0 or limit.fits - now
    reply[#reply + 1] = full > told and full - told or 0
  end
  if writes and taken == 0 and all_full <= now and state.newest <= now and state.in_place then
    redis.call('DEL', state.key)
  elseif writes then
    if taken > 0 then
      state.newest = at
    end
    ends = math.max(ends, all_full, state.newest + 1)
    state.name = (taken > 0 or back > 0 or longest == CANCELS) and call or state.last_call
    if in_place then
      local lives_until = state.ends
      if ends > lives_until then
        -- Some longer, so that not each grant has to set it.
        lives_until = ends + math.floor((ends - now) / 2)
        -- What is charged must live as long as it counts.
        if not redis.acl_check_cmd('PEXPIRE', state.key, 1) then
          error({err = 'NOPERM this user has no permissions to run PEXPIRE on a rate limit'})
        end
      end
      local text = struct.pack(HEAD, VERSION, state.name, now, state.ahead, state.newest, lives_until, state.number)
      for nth = next_limit, last_limit do
        text = text .. limits[nth].text
      end
      for nth = next_limit, last_limit do
        local limit = limits[nth]
        if limit.append and limit.append ~= '' then
          local at = limit.log + (limit.first + limit.kept) % limit.room * ENTRY_SIZE
          if at <= NEAR then
            text = text .. string.sub(state.value, #text + 1, at) .. limit.append
          else
            run('SETRANGE', state.key, at, limit.append)
          end
        end
      end
      run('SETRANGE', state.key, '0', text)
      if lives_until > state.ends then
        redis.call('PEXPIRE', state.key, string.format('%d', math.ceil((lives_until - now) / 1000)))
      end
    else
      -- Part of a state as it is in Redis.
      local function read(at, size)
        if at + size <= #state.value then
          return string.sub(state.value, at + 1, at + size)
        end
        local text = redis.call('GETRANGE', state.key, at, at + size - 1)
        return text .. string.rep('\0', size - #text)
      end

      -- The first entries of a log, as many as are kept, one after the other.
      local function entries_of(limit)
        local to_end = math.min(limit.kept, limit.room - limit.first)
        return read(limit.log + limit.first * ENTRY_SIZE, to_end * ENTRY_SIZE)
            .. read(limit.log, (limit.kept - to_end) * ENTRY_SIZE)
      end

      local sections, logs, named, number = '', '', {}, state.number
      for nth = next_limit, last_limit do
        local limit = limits[nth]
        named[limit.id] = true
        if limit.grain then
          local entries = limit.rebuilt or limit.kept > 0 and entries_of(limit) or ''
          local more = math.max(3, math.floor(limit.count / 4))
          logs = logs .. entries .. limit.append .. string.rep('\0', more * ENTRY_SIZE)
          sections = sections
              .. struct.pack(WINDOW, limit.id, limit.last, limit.base, limit.total, 0, limit.count, limit.count + more)
        else
          sections = sections .. limit.text
        end
      end
      -- Those of limits that others know.
      local at, log_at = HEAD_SIZE, HEAD_SIZE + state.sections * SECTION_SIZE
      for _ = 1, state.sections do
        local section = string.sub(state.value, at + 1, at + SECTION_SIZE)
        local id = struct.unpack('>I6', section)
        local size, until_full = 0, 0
        if id < IS_BUCKET then
          local last, room
          _, last, _, _, _, _, room = struct.unpack(WINDOW, section)
          size, until_full = room * ENTRY_SIZE, math.min(last, now + DAY + id) + id
        else
          local time, tokens, part, capacity, refill
          _, time, tokens, part, capacity, refill = struct.unpack(BUCKET, section)
          if refill > 0 and part <= id and capacity - tokens < 2 ^ 35 then
            until_full = time + time_to(tokens, part, capacity, id - IS_BUCKET, refill)
            until_full = math.min(until_full, now + DAY + LONGEST)
          end
        end
        if until_full > now and not named[id] and number < MOST_SECTIONS then
          sections, logs, number = sections .. section, logs .. read(log_at, size), number + 1
          ends = math.max(ends, until_full)
        end
        at, log_at = at + SECTION_SIZE, log_at + size
      end
      run('SET', state.key,
          struct.pack(HEAD, VERSION, state.name, now, state.ahead, state.newest, ends, number)
              .. sections .. logs,
          'PX', string.format('%d', math.ceil((ends - now) / 1000) + spare))
    end
  end
  next_limit = last_limit + 1
end
return reply
