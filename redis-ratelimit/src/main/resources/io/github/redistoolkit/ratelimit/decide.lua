-- Decides on permits under several limits at once and books them if every limit agrees.
-- All limits are read before anything is written; a refusal and a question write nothing. So is the
-- user's permission for each command that a grant may take asked for: half a grant would leave a
-- history that counts wrong for everyone.
--
-- KEYS     the state of each limit, all in one slot
-- ARGV     time ('' for the server's), permits, longest wait (-1 only asks), then for each limit:
--          permits; period; refill, 0 for a sliding window; the window's grain or the bucket's
--          time from empty to full
-- returns  1 if granted, else 0; index of the limit that restricts most, from 0; permits remaining;
--          the instant at which the permits fit; the wait until then; the time until all is full
--
-- Times are microseconds: whole numbers that a double holds exactly, as everything here is.

-- A limit whose last grant saw a later time than it is now, as after a clock was stepped back, lives
-- at that later time until then. But if the step was longer than the limit's history, that is
-- dropped. Each limit does so on its own: the long one stands still, while the short one goes on.

-- A sliding window is a list of entries (time, permits recorded before it) and, last, one clock
-- (time seen by the last grant; instant of the newest grant; time of the newest entry; permits
-- recorded so far; number of entries). An entry's time is the last instant of its grain, so it
-- means the same under any other limit and grain.
local ENTRY, CLOCK = '>I6I4', '>I7I7I7I4I2'
-- A token bucket is a string: time seen by the last grant, then the instant of the newest grant
-- with the tokens that it left and the part of the next one, in 1/period.
local BUCKET = '>I7I7I4I6'
-- What an entry's time and the permits before it are kept modulo, to be short: nine years, and more
-- permits than one log may hold.
local TIME_WRAP, PERMITS_WRAP = 2 ^ 48, 2 ^ 32
local MOST_AHEAD = 4096

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local wanted, longest = tonumber(ARGV[2]), tonumber(ARGV[3])

local function milliseconds_until(instant)
  return math.max(1, math.ceil((instant - now) / 1000))
end

local function ask_permission(command, key, ...)
  if not redis.acl_check_cmd(command, key, ...) then
    error({err = 'NOPERM this user has no permissions to run ' .. command .. ' on the key'})
  end
end

local function ask_permissions_for_window(limit)
  ask_permission('LSET', limit.key, -1, '')
  ask_permission('RPUSH', limit.key, '')
  ask_permission('PEXPIRE', limit.key, 1)
  ask_permission('LTRIM', limit.key, 0, -1)
end

local function take_from_window(limit, instant)
  local time = instant - instant % limit.grain + limit.grain - 1
  local total = (limit.total + wanted) % PERMITS_WRAP
  -- What has expired, or is of a clock that was stepped back, is trimmed below.
  local count = (limit.stored or 0) - limit.expired
  if time <= limit.last then
    -- The entry is there, and so is its TTL.
    time = limit.last
    redis.call('LSET', limit.key, -1, struct.pack(CLOCK, limit.now, instant, time, total, count))
  else
    local entry = struct.pack(ENTRY, time % TIME_WRAP, limit.total)
    local clock = struct.pack(CLOCK, limit.now, instant, time, total, count + 1)
    if limit.stored then
      redis.call('LSET', limit.key, -1, entry)
      redis.call('RPUSH', limit.key, clock)
    else
      redis.call('RPUSH', limit.key, entry, clock)
    end
    redis.call('PEXPIRE', limit.key, milliseconds_until(time + limit.period))
  end
  if limit.expired > 0 then
    redis.call('LTRIM', limit.key, limit.expired, -1)
  end
  return time + limit.period
end

-- Decides about one window from which nothing has expired and in which nothing is booked ahead, as
-- most are, in less time than it takes to make the functions and tables below. Returns nothing if
-- it is not that simple.
local function decide_simply(key, permits, period, grain)
  local clock = redis.call('LINDEX', key, -1)
  if not clock then
    return nil
  end
  local seen, newest, last, total, count = struct.unpack(CLOCK, clock)
  if now < math.max(seen, newest) or last <= now - period then
    return nil
  end
  local entries = redis.call('LRANGE', key, 0, 1)
  local oldest, before = struct.unpack(ENTRY, entries[1])
  oldest = last - (last - oldest) % TIME_WRAP
  if oldest <= now - period then
    return nil
  end
  local left, reset = permits - (total - before) % PERMITS_WRAP, last + period - now
  if wanted <= left then
    if longest < 0 then
      return {0, 0, left, now, 0, reset}
    end
    local limit = {key = key, period = period, grain = grain, now = now, last = last, total = total,
      stored = count, expired = 0}
    ask_permissions_for_window(limit)
    return {1, 0, left - wanted, now, 0, take_from_window(limit, now) - now}
  end
  local wait, others = oldest + period - now, 0
  if count > 1 then
    local _, before_next = struct.unpack(ENTRY, entries[2])
    others = (total - before_next) % PERMITS_WRAP
  end
  if wait <= longest or others + wanted > permits then
    return nil
  end
  return {0, 0, math.max(0, left), now + wait, wait, reset}
end

if #KEYS == 1 and ARGV[6] == '0' then
  local reply = decide_simply(KEYS[1], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7]))
  if reply then
    return reply
  end
end

-- The first index from low to high for which `passes` holds, given that it then holds for all that
-- follow; high if none. Doubles its steps, since the index is mostly close to low.
local function search(low, high, passes)
  local probe, step = low, 1
  while probe < high and not passes(probe) do
    low, probe, step = probe + 1, probe + step, step * 2
  end
  high = math.min(probe, high)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if passes(middle) then high = middle else low = middle + 1 end
  end
  return low
end

-- floor(a * b / divisor) and the remainder, for b < 2^35 and divisor < 2^45.
local function multiply_divide(a, b, divisor)
  local quotient = math.floor(a / divisor)
  a, quotient = a - quotient * divisor, quotient * b
  if a * b < 2 ^ 53 then
    local more = math.floor(a * b / divisor)
    return quotient + more, a * b - more * divisor
  end
  -- The product does not fit a double: long multiplication, seven bits of b at a time.
  local high, rest = 0, 0
  for shift = 28, 0, -7 do
    rest = rest * 128 + a * (math.floor(b / 2 ^ shift) % 128)
    local digit = math.floor(rest / divisor)
    high, rest = high * 128 + digit, rest - digit * divisor
  end
  return quotient + high, rest
end

local function read_window(limit)
  local clock = redis.call('LINDEX', limit.key, -1)
  if clock then
    local seen, newest, last, total, count = struct.unpack(CLOCK, clock)
    limit.stored = count
    if now < seen - limit.period then
      limit.expired = count
    else
      limit.newest, limit.last, limit.total, limit.count = newest, last, total, count
      limit.now = math.max(now, seen)
    end
  end
end

local function entry_time(limit, index)
  if not limit.times[index] then
    local time, before = struct.unpack(ENTRY, redis.call('LINDEX', limit.key, index))
    limit.times[index], limit.befores[index] = limit.last - (limit.last - time) % TIME_WRAP, before
  end
  return limit.times[index]
end

-- The permits of the entries from this index on.
local function permits_since(limit, index)
  if index >= limit.count then
    return 0
  end
  entry_time(limit, index)
  return (limit.total - limit.befores[index]) % PERMITS_WRAP
end

-- The first entry, from this index on, in the window that ends at this instant.
local function first_in_window(limit, index, instant)
  if limit.last <= instant - limit.period then
    return math.max(index, limit.count)
  end
  return search(index, limit.count, function(at)
    return entry_time(limit, at) > instant - limit.period
  end)
end

-- The first instant at which the permits fit, behind all that are booked.
local function fit_window(limit)
  limit.expired = first_in_window(limit, limit.expired, limit.now)
  local from, first = limit.now, limit.expired
  if limit.newest > limit.now then
    from = limit.newest
    first = first_in_window(limit, first, from)
  end
  local room = limit.permits - wanted
  if permits_since(limit, first) <= room then
    return from
  end
  local free = search(first + 1, limit.count, function(at)
    return permits_since(limit, at) <= room
  end)
  return entry_time(limit, free - 1) + limit.period
end

-- Whether the log cannot take one more booking.
local function crowded_window(limit)
  return permits_since(limit, limit.expired) + wanted >= PERMITS_WRAP
      or limit.count >= MOST_AHEAD
          and entry_time(limit, limit.count - MOST_AHEAD) - limit.grain + 1 > limit.now
end

local function left_in_window(limit, instant)
  local first = limit.expired
  if instant > limit.now then
    first = first_in_window(limit, first, instant)
  end
  return limit.permits - permits_since(limit, first)
end

local function window_is_full(limit)
  return limit.last + limit.period
end

local window = {
  read = read_window,
  fits = fit_window,
  crowded = crowded_window,
  left = left_in_window,
  full = window_is_full,
  ask_permissions = ask_permissions_for_window,
  take = take_from_window,
}

local function read_bucket(limit)
  limit.tokens, limit.part = limit.permits, 0
  local state = redis.call('GET', limit.key)
  if state then
    local seen, newest, tokens, part = struct.unpack(BUCKET, state)
    if now >= seen - limit.grain then
      limit.newest, limit.tokens, limit.part = newest, tokens, part
      limit.now = math.max(now, seen)
    end
  end
end

-- The tokens at this instant, and the part of the next one.
local function bucket_level(limit, instant)
  if instant - limit.newest < limit.grain then
    local gained, part = multiply_divide(instant - limit.newest, limit.refill, limit.period)
    part = part + limit.part
    if part >= limit.period then
      gained, part = gained + 1, part - limit.period
    end
    if limit.tokens + gained < limit.permits then
      return limit.tokens + gained, part
    end
  end
  return limit.permits, 0
end

-- The first instant from this one on at which the bucket, left alone, holds so many tokens.
local function bucket_reaches(limit, level, instant)
  local tokens, part = bucket_level(limit, instant)
  if tokens >= level then
    return instant
  end
  local time, rest = multiply_divide(limit.period, level - tokens, limit.refill)
  return instant + time + math.ceil((rest - part) / limit.refill)
end

local function fit_bucket(limit)
  return bucket_reaches(limit, wanted, math.max(limit.now, limit.newest))
end

local function left_in_bucket(limit, instant)
  return (bucket_level(limit, instant))
end

local function bucket_is_full(limit)
  return bucket_reaches(limit, limit.permits, math.max(limit.now, limit.newest))
end

local function ask_permissions_for_bucket(limit)
  ask_permission('SET', limit.key, '', 'PX', 1)
end

local function take_from_bucket(limit, instant)
  local tokens, part = bucket_level(limit, instant)
  limit.newest, limit.tokens, limit.part = instant, tokens - wanted, part
  local full = bucket_is_full(limit)
  redis.call('SET', limit.key, struct.pack(BUCKET, limit.now, instant, tokens - wanted, part),
      'PX', milliseconds_until(full))
  return full
end

local bucket = {
  read = read_bucket,
  fits = fit_bucket,
  crowded = function() return false end,
  left = left_in_bucket,
  full = bucket_is_full,
  ask_permissions = ask_permissions_for_bucket,
  take = take_from_bucket,
}

local limits = {}
for index, key in ipairs(KEYS) do
  local refill = tonumber(ARGV[4 * index + 2])
  local limit = {
    index = index,
    key = key,
    kind = refill > 0 and bucket or window,
    permits = tonumber(ARGV[4 * index]),
    period = tonumber(ARGV[4 * index + 1]),
    refill = refill,
    grain = tonumber(ARGV[4 * index + 3]),
    now = now, newest = 0, last = 0, total = 0, count = 0, expired = 0, times = {}, befores = {},
  }
  limit.kind.read(limit)
  limits[index] = limit
end

local instant = now
for _, limit in ipairs(limits) do
  local fits = limit.kind.fits(limit)
  limit.fits = fits > limit.now and fits or now
  instant = math.max(instant, limit.fits)
end
local wait = instant - now
local granted = wait <= longest
if granted and wait > 0 then
  for _, limit in ipairs(limits) do
    granted = granted and not limit.kind.crowded(limit)
  end
end

local tightest, remaining = limits[1], math.huge
for _, limit in ipairs(limits) do
  if granted then
    limit.fits, limit.at = instant, math.max(limit.now, instant)
    limit.left = limit.kind.left(limit, limit.at) - wanted
  else
    limit.left = limit.newest > limit.now and 0 or math.max(0, limit.kind.left(limit, limit.now))
  end
  if limit.fits > tightest.fits or limit.fits == tightest.fits and limit.left < tightest.left then
    tightest = limit
  end
  remaining = math.min(remaining, limit.left)
end

if granted then
  for _, limit in ipairs(limits) do
    limit.kind.ask_permissions(limit)
  end
end
local full = now
for _, limit in ipairs(limits) do
  full = math.max(full, granted and limit.kind.take(limit, limit.at) or limit.kind.full(limit))
end
return {
  granted and 1 or 0,
  tightest.index - 1,
  remaining,
  instant,
  wait,
  math.max(0, full - now - (granted and wait or 0)),
}
