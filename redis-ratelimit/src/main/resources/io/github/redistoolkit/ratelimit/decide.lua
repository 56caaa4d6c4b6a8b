-- Decides on permits for one id or several, under all their limits at once, and books them if every
-- limit agrees. Everything is read and checked before anything is written. A refusal and a question
-- write nothing, unless the clock was stepped back or a bucket has another size since the last call,
-- or the call is of one that takes permits ahead.
--
-- KEYS     the state of each id, all in one slot
-- ARGV     1 the name of this call, 8 bytes: sent again, it is answered as the first time. Then
--            PLAIN: permits; permits, rate and id of each limit; one id takes them now, or
--            for each key SUBJECT: permits and number of limits, and for each of these LIMIT: its
--            id, permits and rate
--          2 nothing, or '' if the instant of a plain call is asked for, or the time
--          3 of any but a plain call, as text: longest wait (-1 only asks, -2 charges whatever the
--            limits say, -3 cancels), most permits to take beside, how long they may be kept before
--            they are used, permits to give back, instant of a booking to cancel or until
--            which those given back might be used, 0 if it is unknown, the history of the booking;
--            of one that takes permits ahead also its number, how many permits it has taken, and
--            wanted, in the last period, and the permits that all who do so share in a period
--          The id of a window is its length, its rate the grain of its log; the id of a bucket is
--          its period + 2^47, its rate the refill.
-- returns  of a plain grant, for each limit GRANTED: permits left, time until all have come back;
--            then its instant, if asked for. If there is one limit, and all are back after its
--            length, only the permits left, as a number
--          of a plain refusal, for each limit REFUSED: the same, and the wait until these permits
--            fit; then its instant
--          otherwise permits granted, 0 if refused; instant at which the permits fit, by the id's
--          time; wait until then; history of the first id; then for each limit permits left, wait until these permits fit,
--          time until all have come back
--
-- Times are microseconds: whole numbers that a double holds exactly, as everything here is.
--
-- An id's time is the server's, plus what the server's clock was stepped back by while the id had a
-- history: it never goes back, and goes on at once.
--
-- A state is a string: a head, a section for each limit, then the log of each window. It is read in
-- one piece, if it is not long, and written where it changes. What is not such a state counts as
-- none. Sections of limits that this call does not name are kept as long as they matter.
--   head     form; name of the last call that wrote; time seen by it; end of the key's life. That is
--            all of the short form, which has one section. The long one goes on with the number of
--            sections; what the id's time is ahead of the server's; what the newest booking is
--            ahead of the time seen; its history: the last six bytes of the name of the call that
--            wrote the first long head. So a booking of a history that is gone, by a reset or an
--            eviction, is not taken out of this one
--   window   its length; time of the newest entry and of the oldest; permits recorded up to the
--            window's start, and in all; index of the oldest entry, number of entries, room for them
--   bucket   its period + 2^47; an instant, the tokens then (fewer than none is a debt) and the part
--            of the next one, in 1/period; its capacity and refill
--   log      a ring of entries: last instant of a grain, permits recorded before it. Some permits
--            of the oldest one count.
--   takers   in the form of a window of the length 1, the last section; its log are those who take
--            permits ahead: until when each is expected back; its number, and whether it was refused;
--            how many permits it has taken, and wanted, in the last period. Twice as long as entries.
--            Who gives back is known by that instant, so that only what was taken last in this
--            history is given back, and only once
--
-- What is asked most comes first, in plain statements: one id takes permits now, from a state without
-- bookings that has the sections of these limits and no others. All that Lua makes at each call,
-- functions, tables and long strings above all, takes longer than what there is to do. The rest
-- decides everything, this too, if a plain statement would not be enough; a test holds that they
-- agree to the byte.
--
-- Upper-case names are constants. Whoever loads the script puts their values in, since every local
-- that a function sees costs memory at each call; so do functions, so that those which are rarely
-- needed are made where they are.
-- PLAIN = '>c8I4I4I6I6'
-- PLAIN_SIZE = 28
-- MORE = '>I4I6I6'
-- MORE_SIZE = 16
-- SUBJECT = '>I4B'
-- LIMIT = '>I6I4I6'
-- GRANTED = '>I4I7'
-- GRANTED_AT = '>I4I7I7'
-- REFUSED = '>I4I7I7'
-- REFUSED_AT = '>I4I7I7I7'
-- INSTANT = '>I7'
-- HISTORY = '>I6'
-- HISTORY_IN_NAME = 3
-- SHORT_HEAD = '>Bc8I7I7'
-- LONG_HEAD = '>Bc8I7I7BI7I6I6'
-- WINDOW = '>I6I7I7I4I4I2I2I2'
-- BUCKET = '>I6I7i5I6I4I4xx'
-- SHORT_WINDOW = '>Bc8I7I7I6I7I7I4I4I2I2I2'
-- SHORT_WINDOW_AND_ENTRY = '>Bc8I7I7I6I7I7I4I4I2I2I2c0I6I4'
-- SHORT_BUCKET = '>Bc8I7I7I6I7i5I6I4I4xx'
-- ENTRY = '>I6I4'
-- SHORT = 1
-- LONG = 2
-- SHORT_SIZE = 23
-- LONG_SIZE = 43
-- SECTION_SIZE = 34
-- ENTRY_SIZE = 10
-- the last byte that is read at once (as text, since Redis takes long to write a number as one), how
-- many that are, and up to where a head and an entry are written at once:
-- PAGE_END = '1023'
-- PAGE = 1024
-- NEAR = 400
-- IS_BUCKET = 140737488355328
-- what an entry's time and permits are kept modulo, to be short: nine years, 2 ^ 32:
-- TIME_WRAP = 281474976710656
-- PERMITS_WRAP = 4294967296
-- EXACT = 9007199254740992
-- TAKERS = 1
-- TAKER = '>I6I4I5I5'
-- TAKER_SIZE = 20
-- WAS_REFUSED = 2147483648
-- MOST_TAKERS = 64
-- for how long after it was expected back a taker may still give back:
-- LATE = 10000000
-- MOST_SECTIONS = 16
-- MOST_AHEAD = 4096
-- MOST_ENTRIES = 8000
-- MOST_STEPS = 16
-- MOST_DEBT = 17179869184
-- DAY = 86400000000
-- LONGEST = 31622400000000
-- LATEST = 4503599627370496
-- ONLY_ASKS = -1
-- CHARGES = -2
-- CANCELS = -3

local packed, given, rest = ARGV[1], ARGV[2], ARGV[3]
local clock, spare = nil, 0
if given and given ~= '' then
  -- A key's life passes in the server's time: where another is given, it must not end first.
  clock, spare = tonumber(given), 60000
else
  local time = redis.call('TIME')
  clock = time[1] * 1000000 + time[2]
end

if not rest then
  local call, wanted, permits, rate, id = struct.unpack(PLAIN, packed)
  local key, number, now = KEYS[1], (#packed - PLAIN_SIZE) / MORE_SIZE + 1, clock
  local value = redis.call('GETRANGE', key, '0', PAGE_END)
  local size, head = #value, number == 1 and SHORT_SIZE or LONG_SIZE
  -- What a head and a section say. Of a bucket, the instant is the last.
  local form, last_call, seen, ends, history, sections, other
  local last, oldest, base, total, first, count, room = 0, 0, 0, 0, 0, 0, 0
  local tokens, part, capacity, refill
  local at, log_at, simple = head, head + number * SECTION_SIZE, true
  if size == 0 then
    ends, history = 0, number > 1 and struct.unpack(HISTORY, call, HISTORY_IN_NAME)
  elseif size < log_at then
    simple = false
  else
    if number > 1 then
      local ahead, lead
      form, last_call, seen, ends, sections, ahead, lead, history = struct.unpack(LONG_HEAD, value)
      simple = form == LONG and sections == number and ahead == 0 and lead == 0
    elseif id < IS_BUCKET then
      form, last_call, seen, ends, other, last, oldest, base, total, first, count, room =
          struct.unpack(SHORT_WINDOW, value)
      simple = form == SHORT
    else
      form, last_call, seen, ends, other, last, tokens, part, capacity, refill =
          struct.unpack(SHORT_BUCKET, value)
      simple = form == SHORT
    end
    simple = simple and seen <= now and last_call ~= call
  end
  -- What is written: the sections; the logs, as far as they are done; entries that are far.
  local texts, logs, tail, done, far, grows, dies = '', '', '', log_at, nil, false, now
  local stamp, stamped
  -- What is told: of a grant; of a refusal, for each limit.
  local reply, told, refused = '', number > 1 and {0, 0, 0, 0, 0, 0}, false

  for nth = 1, number do
    if not simple then
      break
    end
    if nth > 1 then
      permits, rate, id = struct.unpack(MORE, packed, PLAIN_SIZE + (nth - 2) * MORE_SIZE + 1)
    end
    local left, full, wait = 0, 0, 0
    if id < IS_BUCKET then
      if number > 1 and size > 0 then
        other, last, oldest, base, total, first, count, room = struct.unpack(WINDOW, value, at + 1)
      elseif number > 1 then
        last, count, room, total = 0, 0, 0, 0
      end
      simple = size == 0 or other == id
      local live, start, log_end = 0, now - id, log_at + room * ENTRY_SIZE
      if last > start and last <= now + 2 * id and oldest <= last
          and count > 0 and count <= room and first < room then
        live = (total - base) % PERMITS_WRAP
        local text, from, steps = value, 0, 0
        while oldest <= start and simple do
          -- It has left the window.
          first, count, steps = first + 1, count - 1, steps + 1
          if first == room then
            first = 0
          end
          local place = log_at + first * ENTRY_SIZE - from
          if place < 0 or place + ENTRY_SIZE > #text then
            from = from + place
            text, place = redis.call('GETRANGE', key, from, from + 8 * ENTRY_SIZE - 1), 0
          end
          simple = count > 0 and steps <= MOST_STEPS and place + ENTRY_SIZE <= #text
          if simple then
            local time, before = struct.unpack(ENTRY, text, place + 1)
            oldest = last - (last - time) % TIME_WRAP
            before = (total - before) % PERMITS_WRAP
            live = before < live and before or live
          end
        end
      end
      if live == 0 then
        first, count = 0, 0
      end
      left = permits - live
      if left < wanted and live > 0 then
        -- The oldest entry has one permit at least.
        simple = simple and left == 0 and wanted == 1
        refused, wait = true, oldest + id - now
      end
      if refused then
        left, full = left < 0 and 0 or left, live > 0 and last + id - now or 0
      elseif simple then
        if told then
          told[3 * nth - 2], told[3 * nth - 1], told[3 * nth] = left, live > 0 and last + id - now or 0, 0
        end
        left = left - wanted
        local time, before, kept = now - now % rate + rate - 1, total, count
        base, total = (total - live) % PERMITS_WRAP, (total + wanted) % PERMITS_WRAP
        local adds = count == 0 or time > last
        if count == 0 then
          oldest = time
        end
        if adds then
          last, count = time, count + 1
        end
        full = last + id - now
        if count > MOST_ENTRIES then
          -- The newest entry takes it.
          simple = false
        elseif count > room or count * 4 < room and room > 16 then
          -- In its order, with room for some more.
          local to, log = first + kept, ''
          if kept > 0 then
            log = string.sub(value, log_at + 1 + first * ENTRY_SIZE, log_at + (to > room and room or to) * ENTRY_SIZE)
            if to > room then
              log = log .. string.sub(value, log_at + 1, log_at + (to - room) * ENTRY_SIZE)
            end
          end
          if adds then
            log = log .. struct.pack(ENTRY, time % TIME_WRAP, before)
          end
          room, first = count + (count < 12 and 3 or (count - count % 4) / 4), 0
          logs = logs .. tail
          -- What is far is no longer, as all before this log is written anew.
          for place = 1, far and #far or 0, 2 do
            logs, done = logs .. string.sub(value, done + 1, far[place]) .. far[place + 1], far[place] + ENTRY_SIZE
          end
          logs, far = logs .. string.sub(value, done + 1, log_at) .. log, nil
          tail, done, grows = string.rep('\0', (room - count) * ENTRY_SIZE), log_end, true
        elseif adds then
          local place = log_at + (first + kept) % room * ENTRY_SIZE
          if place > NEAR then
            far = far or {}
            far[#far + 1], far[#far + 2] = place, struct.pack(ENTRY, time % TIME_WRAP, before)
          else
            simple = place + ENTRY_SIZE <= size
            local text = string.sub(value, done + 1, place)
            done = place + ENTRY_SIZE
            if number > 1 then
              logs, tail = logs .. tail .. text, struct.pack(ENTRY, time % TIME_WRAP, before)
            else
              logs, stamp, stamped = text, time % TIME_WRAP, before
            end
          end
        end
        dies = last + id > dies and last + id or dies
        if number > 1 then
          texts = texts .. struct.pack(WINDOW, id, last, oldest, base, total, first, count, room)
        end
      end
      log_at = log_end
    else
      local period = id - IS_BUCKET
      if size == 0 then
        last, tokens, part = now, permits, 0
      else
        if number > 1 then
          other, last, tokens, part, capacity, refill = struct.unpack(BUCKET, value, at + 1)
        end
        local passed = now - last
        local gained = passed * rate
        simple = other == id and passed >= 0 and part < period
            and capacity == permits and refill == rate and tokens <= permits and tokens >= -MOST_DEBT
            and (permits - tokens + wanted + 1) * period < EXACT
        if gained >= (permits - tokens + 1) * period then
          tokens, part = permits, 0
        else
          part = part + gained % period
          tokens = tokens + (gained - gained % period) / period
          if part >= period then
            tokens, part = tokens + 1, part - period
          end
          if tokens >= permits then
            tokens, part = permits, 0
          end
        end
      end
      left = tokens < 0 and 0 or tokens
      if told and tokens < permits then
        full = (permits - tokens) * period - part
        full = (full + -full % rate) / rate
      end
      if tokens < wanted then
        refused, wait = true, (wanted - tokens) * period - part
        wait = (wait + -wait % rate) / rate
      elseif not refused then
        if told then
          told[3 * nth - 2], told[3 * nth - 1], told[3 * nth] = left, full, 0
        end
        tokens = tokens - wanted
        left = tokens
      end
      if tokens < permits then
        full = (permits - tokens) * period - part
        full = (full + -full % rate) / rate
      end
      -- Not forgotten at once, so that it need not be made anew for each permit.
      local life = now + (full > period and full or period)
      dies = life > dies and life or dies
      if number > 1 and not refused then
        texts = texts .. struct.pack(BUCKET, id, now, tokens, part, permits, rate)
      end
    end
    if refused and told then
      reply = ''
      told[3 * nth - 2], told[3 * nth - 1], told[3 * nth] = left, full, wait
    elseif refused then
      reply = simple and struct.pack(REFUSED_AT, left, full, wait, now)
    elseif number > 1 then
      reply = reply .. struct.pack(GRANTED, left, full)
    elseif given then
      reply = struct.pack(GRANTED_AT, left, full, now)
    else
      reply = full == id and left or struct.pack(GRANTED, left, full)
    end
    at = at + SECTION_SIZE
  end

  if simple and refused then
    if told then
      for nth = 1, number do
        reply = reply .. struct.pack(REFUSED, told[3 * nth - 2], told[3 * nth - 1], told[3 * nth])
      end
      reply = reply .. struct.pack(INSTANT, now)
    end
    return reply
  elseif simple then
    local wrote
    grows = grows or dies > ends
    -- Of a long state, not all has been read.
    if not grows or size < PAGE and (size >= log_at or size == 0) then
      if dies > ends then
        ends = size > 0 and dies + (dies - now - (dies - now) % 2) / 2 or dies
      elseif grows then
        local later = dies + (dies - now - (dies - now) % 2) / 2
        ends = later < ends and later or ends
      end
      local text
      if number > 1 then
        text = struct.pack(LONG_HEAD, LONG, call, now, ends, number, 0, 0, history) .. texts .. logs .. tail
      elseif stamp then
        text = struct.pack(SHORT_WINDOW_AND_ENTRY, SHORT, call, now, ends, id, last, oldest, base, total,
            first, count, room, logs, stamp, stamped)
      elseif id < IS_BUCKET then
        text = struct.pack(SHORT_WINDOW, SHORT, call, now, ends, id, last, oldest, base, total, first, count, room)
            .. logs .. tail
      else
        text = struct.pack(SHORT_BUCKET, SHORT, call, now, ends, id, now, tokens, part, permits, rate)
      end
      if grows then
        local life = ends - now + 999
        for nth = 1, far and #far or 0, 2 do
          text, done = text .. string.sub(value, done + 1, far[nth]) .. far[nth + 1], far[nth] + ENTRY_SIZE
        end
        wrote = redis.pcall('SET', key, text .. string.sub(value, done + 1, log_at),
            'PX', string.format('%d', (life - life % 1000) / 1000 + spare)).ok
      else
        for nth = 1, far and #far or 0, 2 do
          wrote = redis.pcall('SETRANGE', key, far[nth], far[nth + 1])
        end
        wrote = redis.pcall('SETRANGE', key, '0', text)
      end
    end
    if wrote and type(wrote) ~= 'table' then
      return given and number > 1 and reply .. struct.pack(INSTANT, now) or reply
    end
  end
end

-- Everything else, and what is seldom.
local function decide()
  local longest, extra, hold, back, booked, booked_in = 0, 0, 0, 0, 0, 0
  local taker, own, wants, shared = 0, 0, 0, 0
  if not rest then
    local _, wanted, permits, rate, id = struct.unpack(PLAIN, packed)
    local more = (#packed - PLAIN_SIZE) / MORE_SIZE
    local text = string.sub(packed, 1, 8) .. struct.pack(SUBJECT, wanted, more + 1) .. struct.pack(LIMIT, id, permits, rate)
    for nth = 1, more do
      permits, rate, id = struct.unpack(MORE, packed, PLAIN_SIZE + (nth - 1) * MORE_SIZE + 1)
      text = text .. struct.pack(LIMIT, id, permits, rate)
    end
    packed = text
  else
    local number = string.gmatch(rest, '[^ ]+')
    longest, extra, hold = tonumber(number()), tonumber(number()), tonumber(number())
    back, booked, booked_in = tonumber(number()), tonumber(number()), tonumber(number())
    taker, own = tonumber(number() or 0), tonumber(number() or 0)
    wants, shared = tonumber(number() or 0), tonumber(number() or 0)
  end
  local call, argument = string.sub(packed, 1, 8), 9

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

  -- Those who take permits ahead, but for this one; how many of them there are; what they lack.
  local takers, others, lacks = '', 0, {}

  -- Reads them. Each is expected back when what it has taken must have been used, or, if it was refused,
  -- when its permits fit. Returns whether what this one gives back is what it was granted last, in this
  -- history, and has not given back yet.
  local function read_takers(state, known)
    local gives, now, at = false, state.now, state.head
    local log_at = at + state.sections * SECTION_SIZE
    for _ = 1, state.sections do
      local id, last = struct.unpack('>I6I7', state.value, at + 1)
      local room = id < IS_BUCKET and struct.unpack('>I2', state.value, at + 33) or 0
      if id == TAKERS and last <= now + 2 * DAY then
        state.takers_at, state.takers_log, state.takers_room = at, log_at, room
        local text = redis.call('GETRANGE', key, log_at, log_at + room * ENTRY_SIZE - 1)
        for from = 1, #text - TAKER_SIZE + 1, TAKER_SIZE do
          local time, who, has, wants = struct.unpack(TAKER, text, from)
          time = last - (last - time) % TIME_WRAP
          local refused = who >= WAS_REFUSED
          local own = (refused and who - WAS_REFUSED or who) == taker
          local record = string.sub(text, from, from + TAKER_SIZE - 1)
          if own and not refused and not known and back > 0 and time == booked + hold then
            gives = true
            if longest == ONLY_ASKS then
              -- It keeps its right to the rest of its share, and nobody will know it by its instant.
              record = struct.pack(TAKER, (time - 1) % TIME_WRAP, who, has, wants)
            end
          end
          if who > 0 and time > now - LATE and (known or not own or longest == ONLY_ASKS) then
            takers = takers .. record
            state.until_last = math.max(state.until_last or 0, time)
            if time > now then
              others = others + 1
              -- Who was granted permits says so for a second or two at most.
              local due = time - hold <= now or not refused and time - now <= 2000000
              if has < wants and due then
                lacks[#lacks + 1] = {has, wants, time}
              end
            end
          end
        end
      end
      at, log_at = at + SECTION_SIZE, log_at + room * ENTRY_SIZE
    end
    return gives
  end

  local states, limits, wait, known = {}, {}, 0, false
  for index = 1, #KEYS do
    key = KEYS[index]
    value = redis.call('GETRANGE', key, '0', PAGE_END)
    local form, seen, ahead, newest, ends, sections, last_call = 0, 0, 0, 0, 0, 0, '--------'
    local head, history = SHORT_SIZE, nil
    if #value >= LONG_SIZE then
      form, last_call, seen, ends = struct.unpack(SHORT_HEAD, value)
      if form == SHORT then
        sections, newest = 1, seen
      elseif form == LONG then
        head, sections, ahead, newest, history = LONG_SIZE, struct.unpack('>BI7I6I6', value, SHORT_SIZE + 1)
        newest = seen + newest
      end
      if sections == 0 or sections > MOST_SECTIONS or #value < head + sections * SECTION_SIZE
          or seen > LATEST or ahead > LATEST or newest > seen + DAY then
        form, seen, ahead, newest, ends, sections, history = 0, 0, 0, 0, 0, 0, nil
      else
        known = known or last_call == call
      end
    end
    -- Without a long head, no booking is ahead that might be cancelled.
    history = history or struct.unpack(HISTORY, call, HISTORY_IN_NAME)
    local now, changed = clock + ahead, false
    if now < seen then
      ahead, now, changed = ahead + seen - now, seen, true
    end
    local from = newest > now and newest or now
    local wanted, number
    wanted, number, argument = struct.unpack(SUBJECT, packed, argument)
    local in_place, next_log = number <= sections, head + sections * SECTION_SIZE
    local state = {
      key = key, value = value, wanted = wanted, now = now, ahead = ahead, newest = newest, ends = ends,
      form = form, head = head, history = history, sections = sections, last_call = last_call, number = number,
    }
    if taker > 0 and not read_takers(state, known) then
      back = 0
    end
    for nth = 1, number do
      local id, permits, rate
      id, permits, rate, argument = struct.unpack(LIMIT, packed, argument)
      local at, found = head + (nth - 1) * SECTION_SIZE, nil
      log = next_log
      if nth <= sections then
        found = struct.unpack('>I6', value, at + 1) == id
        if not found or not in_place then
          -- Another limiter has written it, whose limits are others or in another order.
          found, in_place, at, log = false, false, head, head + sections * SECTION_SIZE
          for _ = 1, sections do
            local other = struct.unpack('>I6', value, at + 1)
            if other == id then
              found = true
              break
            elseif other < IS_BUCKET then
              log = log + struct.unpack('>I2', value, at + 33) * ENTRY_SIZE
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
          _, last, _, base, total, first, count, room = struct.unpack(WINDOW, value, at + 1)
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
        if back > 0 and live > 0 and not known and (booked == 0 or booked > now - id) then
          live, changed = live > back and live - back or 0, true
          while live > 0 and skip + 1 < count do
            local _, before = entry(skip + 1)
            if (total - before) % PERMITS_WRAP < live then
              break
            end
            skip = skip + 1
          end
        end
        if live == 0 then
          skip = count
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
          -- It may have been full since, but for these: then what came in later took their place.
          local late = booked > 0 and booked < now and multiply_divide(now - booked, rate, period) or 0
          tokens, changed = tokens + math.max(0, back - late), true
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
    state.changed, state.in_place = changed, in_place
    states[index] = state
  end

  -- Fairness among those who take permits ahead: what each lacks of its share when it is expected back,
  -- as far as it asked for that much lately, is kept for it; whoever wants more than its own share gets
  -- the rest.
  local allowed, kept_until = 0, 0
  if taker > 0 then
    local now = states[1].now
    local share, left = math.floor(shared / (others + 1)), limits[1].left
    for _, limit in ipairs(limits) do
      left = math.min(left, limit.left)
    end
    allowed = left
    for _, other in ipairs(lacks) do
      local lack = math.min(share, other[2]) - other[1]
      if lack > 0 then
        allowed, kept_until = allowed - lack, math.max(kept_until, other[3])
      end
    end
    allowed = math.max(allowed, math.min(left, share - own))
    if wait == 0 and states[1].wanted > allowed and kept_until > now and not known then
      wait = math.max(wait, kept_until - now)
      for _, limit in ipairs(limits) do
        limit.left, limit.fits = 0, math.max(limit.fits, kept_until)
      end
    end
  end

  -- Looks at the log of a window again.
  local function look_at(limit)
    local state = states[limit.state]
    key, value, piece = state.key, state.value, ''
    log, last, total = limit.log, limit.last, limit.total
    first, count, room = limit.first, limit.count, limit.room
  end

  -- What a bucket may hold at most if some are taken ahead: so much less than its capacity as flows in
  -- while they may be kept. What is used in a span was taken in one that is longer by that time.
  local function ahead_level(limit)
    return limit.permits - math.ceil(hold * limit.refill / limit.period)
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
    -- If others are not known, half of what is left, as some may come.
    for _, limit in ipairs(limits) do
      if not limit.grain then
        allowed = math.min(allowed, ahead_level(limit))
      end
    end
    local most = allowed - states[1].wanted
    extra = math.min(extra, others > 0 and most or math.floor(most / 2))
    extra = wait == 0 and takes and extra > 0 and extra or 0
  end
  local keeps = extra > 0 and hold or 0
  if longest == CHARGES or known then
    wait = 0
  end

  if longest == CANCELS and not known and booked_in == states[1].history then
    -- Takes the permits out of where they were booked, and lets others have what is free then.
    for _, limit in ipairs(limits) do
      local state = states[limit.state]
      state.free = state.free or state.now
      if limit.grain then
        look_at(limit)
        local times, befores, removed, kept = {}, {}, 0, 0
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
            times[#times + 1], befores[#befores + 1] = time, (before - removed) % PERMITS_WRAP
            kept = time
          end
          removed = removed + cut
        end
        limit.total, limit.live = (total - removed) % PERMITS_WRAP, math.max(0, limit.live - removed)
        local entries, from = {}, limit.live > 0 and 1 or #times + 1
        while from < #times and (limit.total - befores[from + 1]) % PERMITS_WRAP >= limit.live do
          from = from + 1
        end
        for at = from, #times do
          entries[#entries + 1] = struct.pack(ENTRY, times[at] % TIME_WRAP, befores[at])
        end
        limit.rebuilt, limit.last, limit.oldest = table.concat(entries), kept, times[from] or 0
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

  if taker > 0 and not known and longest ~= ONLY_ASKS then
    local state = states[1]
    local back_at = state.now + math.min(granted and 2 * hold or wait + hold, DAY)
    if #takers >= MOST_TAKERS * TAKER_SIZE then
      takers = string.sub(takers, TAKER_SIZE + 1)
    end
    takers = takers .. struct.pack(TAKER, back_at % TIME_WRAP, granted and taker or taker + WAS_REFUSED,
        granted and own + state.wanted + extra or 0, wants)
    state.until_last = math.max(state.until_last or 0, back_at)
    state.changed = true
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

  local reply, next_limit = {granted and states[1].wanted + extra or 0, 0, wait, states[1].history}, 1
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
    if taker > 0 then
      in_place = in_place and state.takers_room and #takers <= state.takers_room * ENTRY_SIZE
    end
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
          look_at(limit)
          local oldest = limit.oldest or count > skip and entry(skip) or 0
          first, count = count > skip and (first + skip) % room or 0, count - skip
          limit.first, limit.kept, limit.append = first, count, ''
          if taken > 0 then
            local time = at + keeps
            time = time - time % limit.grain + limit.grain - 1
            if count == 0 or time > last and count < MOST_ENTRIES then
              limit.append = struct.pack(ENTRY, time % TIME_WRAP, total)
              oldest = count > 0 and oldest or time
              last, count = time, count + 1
            elseif time > last then
              local _, before = entry(count - 1)
              limit.append, limit.kept = struct.pack(ENTRY, time % TIME_WRAP, before), count - 1
              last = time
            end
            -- As much as a log can count.
            local more = math.min(taken, PERMITS_WRAP - 1 - live)
            total, live = (total + more) % PERMITS_WRAP, live + more
          end
          limit.roomy = not limit.rebuilt and count <= room and (count * 4 >= room or room <= 16)
          in_place = in_place and limit.roomy
          limit.count = count
          full = live > 0 and last + limit.id or now
          limit.last, limit.oldest, limit.base, limit.total = last, oldest, (total - live) % PERMITS_WRAP, total
          limit.text = struct.pack(WINDOW, limit.id, last, oldest, limit.base, total, first, count, room)
        end
      else
        local tokens, part = limit.tokens, limit.part
        local period, refill, capacity = limit.period, limit.refill, limit.permits
        if granted then
          tokens, part = level(tokens, part, at - limit.time, period, capacity, refill)
          if keeps > 0 and tokens > ahead_level(limit) then
            tokens, part = ahead_level(limit), 0
          end
          tokens = tokens - taken
          limit.time = math.max(limit.time, at)
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
    if writes and taken == 0 and all_full <= now and state.newest <= now and state.in_place
        and state.number == state.sections then
      redis.call('DEL', state.key)
    elseif writes then
      if taken > 0 then
        state.newest = at
      end
      -- What is written anew though all was given back lives on a little.
      ends = math.max(ends, all_full, state.newest + 1, now + 1)
      local head
      -- Some longer, so that not each grant has to set it.
      local later = state.ends > 0 and ends + math.floor((ends - now) / 2) or ends
      local lives_until = ends > state.ends and later or state.ends
      local function head_of(number)
        local lead = state.newest > now and state.newest - now or 0
        -- Who takes ahead and is refused is decided anew, should it ask again: it gives back nothing then.
        local named = taken > 0 or back > 0 and taker == 0 or longest == CANCELS
        local name = named and call or state.last_call
        if number == 1 and lead == 0 and state.ahead == 0 then
          return SHORT, struct.pack(SHORT_HEAD, SHORT, name, now, lives_until)
        end
        return LONG, struct.pack(LONG_HEAD, LONG, name, now, lives_until, number, state.ahead, lead, state.history)
      end
      if in_place then
        local form
        form, head = head_of(state.sections)
        in_place = form == state.form and (ends <= state.ends or #state.value == PAGE)
      end
      if in_place then
        if ends > state.ends then
          -- What is charged must live as long as it counts.
          if not redis.acl_check_cmd('PEXPIRE', state.key, 1) then
            error({err = 'NOPERM this user has no permissions to run PEXPIRE on a rate limit'})
          end
        end
        local text = head
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
        if taker > 0 and #takers > 0 then
          run('SETRANGE', state.key, state.takers_at, struct.pack('>I6I7', TAKERS, state.until_last or now))
          run('SETRANGE', state.key, state.takers_log,
              takers .. string.rep('\0', state.takers_room * ENTRY_SIZE - #takers))
        end
        if ends > state.ends then
          redis.call('PEXPIRE', state.key, string.format('%d', math.ceil((lives_until - now) / 1000) + spare))
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

        local sections, logs, named, number, others = '', '', {}, state.number, 0
        for nth = next_limit, last_limit do
          local limit = limits[nth]
          named[limit.id] = true
          if limit.roomy and limit.room > 0 then
            local ring, place = read(limit.log, limit.room * ENTRY_SIZE), (limit.first + limit.kept) % limit.room * ENTRY_SIZE
            logs = logs .. string.sub(ring, 1, place) .. limit.append .. string.sub(ring, place + #limit.append + 1)
            sections = sections .. limit.text
          elseif limit.grain then
            local entries = limit.rebuilt or limit.kept > 0 and entries_of(limit) or ''
            local room = limit.count + math.max(3, math.floor(limit.count / 4))
            logs = logs .. entries .. limit.append .. string.rep('\0', (room - limit.count) * ENTRY_SIZE)
            sections = sections .. struct.pack(WINDOW, limit.id, limit.last, limit.oldest, limit.base,
                limit.total, 0, limit.count, room)
          else
            sections = sections .. limit.text
          end
        end
        -- Those of limits that others know.
        local at, log_at = state.head, state.head + state.sections * SECTION_SIZE
        for _ = 1, state.sections do
          local section = string.sub(state.value, at + 1, at + SECTION_SIZE)
          local id = struct.unpack('>I6', section)
          local size, until_full = 0, 0
          if id < IS_BUCKET then
            local last, room
            _, last, _, _, _, _, _, room = struct.unpack(WINDOW, section)
            size, until_full = room * ENTRY_SIZE, math.min(last, now + DAY + id) + id
            if id == TAKERS then
              until_full = until_full + LATE
            end
          else
            local time, tokens, part, capacity, refill
            _, time, tokens, part, capacity, refill = struct.unpack(BUCKET, section)
            if refill > 0 and part <= id and capacity - tokens < 2 ^ 35 then
              until_full = time + time_to(tokens, part, capacity, id - IS_BUCKET, refill)
              until_full = math.min(until_full, now + DAY + LONGEST)
            end
          end
          if until_full > now and not named[id] and number < MOST_SECTIONS - 1 and (taker == 0 or id ~= TAKERS) then
            sections, logs, number = sections .. section, logs .. read(log_at, size), number + 1
            others = math.max(others, until_full)
          end
          at, log_at = at + SECTION_SIZE, log_at + size
        end
        if taker > 0 then
          local room = math.ceil(#takers / TAKER_SIZE / 4) * 8
          sections = sections .. struct.pack(WINDOW, TAKERS, state.until_last or now, 0, 0, 0, 0, 0, room)
          number = number + 1
          logs = logs .. takers .. string.rep('\0', room * ENTRY_SIZE - #takers)
        end
        lives_until = math.max(others, math.min(lives_until, later))
        local _
        _, head = head_of(number)
        run('SET', state.key, head .. sections .. logs,
            'PX', string.format('%d', math.ceil((lives_until - now) / 1000) + spare))
      end
    end
    next_limit = last_limit + 1
  end
  return reply
end
return decide()
