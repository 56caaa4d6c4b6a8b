-- Tells how far a group is.
--
-- KEYS[1] the stream, KEYS[2] what is sent back to the group alone, KEYS[3] the dead letters, KEYS[4]
-- what is known of groups
-- ARGV[1] group, ARGV[2] how many entries to count at most
--
-- Returns nothing if there is no such group, else how many entries it has not got, how many are
-- pending, for how many milliseconds the oldest of them has been published (-1 if there is none),
-- how many consumers, dead letters, and entries that were lost.

local function group(key)
  if redis.call('EXISTS', key) == 0 then return nil end
  for _, each in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    if field(each, 'name') == ARGV[1] then return each end
  end
end

local oldest
local function look(key, again)
  local summary = redis.call('XPENDING', key, ARGV[1])
  if summary[1] == 0 then return 0 end
  local entry = redis.call('XRANGE', key, summary[2], summary[2])[1]
  local id = again and entry and field(entry[2], 'id') or summary[2]
  if not oldest or less(id, oldest) then oldest = id end
  return summary[1]
end

local main = group(KEYS[1])
if not main then return false end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local got = field(main, 'last-delivered-id')
local first = field(info, 'first-entry')

-- The server's own lag is wrong after trimming: it counts what was trimmed before it was read, and
-- Redis 7.0 estimates where a group is that has passed such a hole. So it only serves beyond what is
-- quickly counted.
local lag
if not first or not less(got, field(info, 'last-generated-id')) then
  lag = 0
elseif less(got, first[1]) then
  lag = field(info, 'length')
else
  local most = tonumber(ARGV[2])
  lag = #redis.call('XRANGE', KEYS[1], '(' .. got, '+', 'COUNT', most)
  if lag == most then
    lag = math.max(most, math.min(field(main, 'lag') or most, field(info, 'length')))
  end
end

local pending = look(KEYS[1], false)
local consumers = {}
local function count(key)
  for _, each in ipairs(redis.call('XINFO', 'CONSUMERS', key, ARGV[1])) do
    consumers[field(each, 'name')] = true
  end
end
count(KEYS[1])
local again = group(KEYS[2])
if again then
  lag = lag + #redis.call('XRANGE', KEYS[2], '(' .. field(again, 'last-delivered-id'), '+',
      'COUNT', ARGV[2])
  pending = pending + look(KEYS[2], true)
  count(KEYS[2])
end
local all = 0
for _ in pairs(consumers) do all = all + 1 end

local age = -1
if oldest then
  local now = redis.call('TIME')
  age = math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - parts(oldest))
end
return {lag, pending, age, all, redis.call('XLEN', KEYS[3]),
    tonumber(redis.call('HGET', KEYS[4], 't:' .. ARGV[1]) or 0)}
