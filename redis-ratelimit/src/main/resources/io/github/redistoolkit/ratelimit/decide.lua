-- Decides on permits under several limits at once and books them if every limit agrees.
-- All limits are read before anything is written; a refusal and a question write nothing.
--
-- KEYS     the state of each limit, all in one slot
-- ARGV     time ('' for the server's), permits, longest wait (-1 only asks), then for each limit:
--          permits; period; refill, 0 for a sliding window; the window's grain or the bucket's
--          time from empty to full
-- returns  1 if granted, else 0; index of the limit that restricts most, from 0; permits remaining;
--          the instant at which the permits fit; the wait until then; the time until all is full
--
-- Times are microseconds: whole numbers that a double holds exactly, as everything here is.

-- A sliding window is a list of entries (time, permits recorded before it) and, last, one clock
-- (time seen by the last grant, instant of the newest grant, permits recorded so far). An entry's
-- time is the last instant of its grain, so it may be read under any other limit and grain.
local ENTRY, CLOCK = '>I7I6', '>I7I7I6'
-- A token bucket is a string: time seen by the last grant, then the instant of the newest grant
-- with the tokens that it left and the part of the next one, in 1/period.
local BUCKET = '>I7I7I4I6'
-- Permits are counted modulo this; far more than can be in a log.
local WRAP = 2 ^ 48
local MOST_AHEAD = 4096

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local wanted, longest = tonumber(ARGV[2]), tonumber(ARGV[3])
-- The latest time that any grant has seen: a clock that was stepped back stands still until then.
local frozen = now

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

local function milliseconds_until(instant)
  return math.max(1, math.ceil((instant - now) / 1000))
end

local window = {}

function window.read(limit)
  limit.newest, limit.total, limit.count, limit.expired = 0, 0, 0, 0
  limit.times, limit.befores = {}, {}
  local clock = redis.call('LINDEX', limit.key, -1)
  if clock then
    local seen, newest, total = struct.unpack(CLOCK, clock)
    limit.stored = redis.call('LLEN', limit.key) - 1
    if now < seen - limit.period then
      limit.expired = limit.stored
    else
      limit.newest, limit.total, limit.count = newest, total, limit.stored
      frozen = math.max(frozen, seen)
    end
  end
end

function window.time(limit, index)
  if not limit.times[index] then
    limit.times[index], limit.befores[index] =
        struct.unpack(ENTRY, redis.call('LINDEX', limit.key, index))
  end
  return limit.times[index]
end

-- The permits of the entries from this index on.
function window.since(limit, index)
  if index >= limit.count then
    return 0
  end
  window.time(limit, index)
  return (limit.total - limit.befores[index]) % WRAP
end

-- The first entry, from this index on, in the window that ends at this instant.
function window.first(limit, index, instant)
  return search(index, limit.count, function(at)
    return window.time(limit, at) > instant - limit.period
  end)
end

-- The first instant at which the permits fit, behind all that are booked.
function window.fits(limit)
  if limit.count > 0 then
    limit.expired = window.first(limit, 0, frozen)
  end
  local from = math.max(frozen, limit.newest)
  local first = limit.expired
  if from > frozen then
    first = window.first(limit, first, from)
  end
  local room = limit.permits - wanted
  if window.since(limit, first) <= room then
    return from
  end
  local free = search(first + 1, limit.count, function(at)
    return window.since(limit, at) <= room
  end)
  return window.time(limit, free - 1) + limit.period
end

function window.crowded(limit)
  return limit.count >= MOST_AHEAD
      and window.time(limit, limit.count - MOST_AHEAD) - limit.grain + 1 > frozen
end

function window.left(limit, instant)
  local first = limit.expired
  if instant > frozen then
    first = window.first(limit, first, instant)
  end
  return limit.permits - window.since(limit, first)
end

function window.full(limit)
  return limit.count == 0 and now or window.time(limit, limit.count - 1) + limit.period
end

function window.take(limit, instant)
  local time = instant - instant % limit.grain + limit.grain - 1
  local last = limit.count > 0 and window.time(limit, limit.count - 1) or 0
  local clock = struct.pack(CLOCK, frozen, instant, (limit.total + wanted) % WRAP)
  if time <= last then
    time = last
    redis.call('LSET', limit.key, -1, clock)
  elseif limit.stored then
    redis.call('LSET', limit.key, -1, struct.pack(ENTRY, time, limit.total))
    redis.call('RPUSH', limit.key, clock)
  elseif redis.acl_check_cmd('PEXPIRE', limit.key, 1) then
    redis.call('RPUSH', limit.key, struct.pack(ENTRY, time, limit.total), clock)
  else
    -- Never a key without a TTL, not even for a user who may not set one.
    error({err = 'NOPERM this user has no permissions to run PEXPIRE on the key'})
  end
  redis.call('PEXPIRE', limit.key, milliseconds_until(time + limit.period))
  if limit.expired > 0 then
    redis.call('LTRIM', limit.key, limit.expired, -1)
  end
  return time + limit.period
end

local bucket = {}

function bucket.read(limit)
  limit.newest, limit.tokens, limit.part = 0, limit.permits, 0
  local state = redis.call('GET', limit.key)
  if state then
    local seen, newest, tokens, part = struct.unpack(BUCKET, state)
    if now >= seen - limit.grain then
      limit.newest, limit.tokens, limit.part = newest, tokens, part
      frozen = math.max(frozen, seen)
    end
  end
end

-- The tokens at this instant, and the part of the next one.
function bucket.level(limit, instant)
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
function bucket.reaches(limit, level, instant)
  local tokens, part = bucket.level(limit, instant)
  if tokens >= level then
    return instant
  end
  local time, rest = multiply_divide(limit.period, level - tokens, limit.refill)
  return instant + time + math.ceil((rest - part) / limit.refill)
end

function bucket.fits(limit)
  return bucket.reaches(limit, wanted, math.max(frozen, limit.newest))
end

function bucket.crowded()
  return false
end

function bucket.left(limit, instant)
  return (bucket.level(limit, instant))
end

function bucket.full(limit)
  return bucket.reaches(limit, limit.permits, math.max(frozen, limit.newest))
end

function bucket.take(limit, instant)
  local tokens, part = bucket.level(limit, instant)
  limit.newest, limit.tokens, limit.part = instant, tokens - wanted, part
  local full = bucket.full(limit)
  redis.call('SET', limit.key, struct.pack(BUCKET, frozen, instant, tokens - wanted, part),
      'PX', milliseconds_until(full))
  return full
end

local limits = {}
for index, key in ipairs(KEYS) do
  local refill = tonumber(ARGV[4 * index + 2])
  local limit = {
    key = key,
    kind = refill > 0 and bucket or window,
    permits = tonumber(ARGV[4 * index]),
    period = tonumber(ARGV[4 * index + 1]),
    refill = refill,
    grain = tonumber(ARGV[4 * index + 3]),
  }
  limit.kind.read(limit)
  limits[index] = limit
end

local instant, crowded = frozen, false
for _, limit in ipairs(limits) do
  limit.fits = limit.kind.fits(limit)
  instant = math.max(instant, limit.fits)
end
for _, limit in ipairs(limits) do
  crowded = crowded or instant > frozen and limit.kind.crowded(limit)
end
local wait = instant > frozen and instant - now or 0
local granted = wait <= longest and not crowded

local tightest
for index, limit in ipairs(limits) do
  limit.index = index
  if granted then
    limit.left = limit.kind.left(limit, instant) - wanted
    limit.fits = instant
  else
    limit.left = limit.newest > frozen and 0 or math.max(0, limit.kind.left(limit, frozen))
  end
  if not tightest or limit.fits > tightest.fits
      or limit.fits == tightest.fits and limit.left < tightest.left then
    tightest = limit
  end
end
local remaining = tightest.left
local full = now
for _, limit in ipairs(limits) do
  remaining = math.min(remaining, limit.left)
  full = math.max(full, granted and limit.kind.take(limit, instant) or limit.kind.full(limit))
end
return {
  granted and 1 or 0,
  tightest.index - 1,
  remaining,
  instant,
  wait,
  math.max(0, full - now - (granted and wait or 0)),
}
