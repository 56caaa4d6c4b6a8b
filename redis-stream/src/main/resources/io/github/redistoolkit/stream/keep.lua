-- Trims what all groups have done with and what is too old, and removes consumers that are gone.
--
-- KEYS[1] the stream, KEYS[2] what is sent back to the group alone, KEYS[3] what is known of groups
-- ARGV[1] group, empty if only to trim; ARGV[2] after how many milliseconds a consumer is gone, 0 not to
-- look for any; ARGV[3] how many milliseconds an entry is kept, 0 for ever; ARGV[4] the caller's consumer;
-- ARGV[5] up to where the caller knows all to be trimmed that all groups have done with
--
-- Returns the generation of the group, how many entries it has lost since it was last told, the last
-- id that it got, 1 if there is more to trim, how many entries are pending, and up to where all is known to
-- be trimmed now; empty if nothing is.

local function groupsOf(key)
  local groups = redis.pcall('XINFO', 'GROUPS', key)
  if groups.err and string.find(groups.err, 'no such key', 1, true) then return {} end
  return groups
end

local function named(groups, name)
  for _, group in ipairs(groups) do
    if field(group, 'name') == name then return group end
  end
end

local groups = groupsOf(KEYS[1])
if groups.err then return groups end
local least = undoneByAny(KEYS[1], groups)
local more, trimmed = 0, least or ''
if least and least ~= ARGV[5] then
  local removed = redis.call('XTRIM', KEYS[1], 'MINID', '~', least, 'LIMIT', 10000)
  -- Redis goes by whole nodes, and does not say whether it would have gone on but for the limit.
  if removed > 0 then trimmed = '' end
  if removed > 5000 then more = 1 end
end

if tonumber(ARGV[3]) > 0 then
  local now = redis.call('TIME')
  local oldest = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(ARGV[3])
  if oldest > 0 then
    local old = redis.call(
        'XRANGE', KEYS[1], '-', string.format('(%.0f-0', oldest), 'COUNT', 1000)
    if #old > 0 then
      countLost(KEYS[3], groups, old)
      redis.call('XTRIM', KEYS[1], 'MINID', after(old[#old][1]))
      if #old == 1000 then more = 1 end
    end
  end
end

local main = named(groups, ARGV[1])
if ARGV[1] == '' or not main then return {'', 0, '', more, 0, trimmed} end

if ARGV[2] ~= '0' then
  for i = 1, 2 do
    local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[i], ARGV[1])
    if not consumers.err then
      local known = false
      for _, consumer in ipairs(consumers) do
        local name = field(consumer, 'name')
        local own = name == ARGV[4]
        -- Before version 7.2 one that finds nothing to read seems to be idle, so it makes itself anew.
        local longest = own and ARGV[2] / 2 or tonumber(ARGV[2])
        if field(consumer, 'pending') == 0 and field(consumer, 'idle') > longest then
          redis.call('XGROUP', 'DELCONSUMER', KEYS[i], ARGV[1], name)
        elseif own then
          known = true
        end
      end
      if not known then redis.call('XGROUP', 'CREATECONSUMER', KEYS[i], ARGV[1], ARGV[4]) end
    end
  end
end

local again = groupsOf(KEYS[2])
if again.err then return again end
again = named(again, ARGV[1])
local pending = field(main, 'pending') + (again and field(again, 'pending') or 0)
local known = redis.call('HMGET', KEYS[3], 'g:' .. ARGV[1], 'u:' .. ARGV[1])
local lost = tonumber(known[2] or 0)
if lost > 0 then redis.call('HDEL', KEYS[3], 'u:' .. ARGV[1]) end
return {known[1] or '', lost, field(main, 'last-delivered-id'), more, pending, trimmed}
