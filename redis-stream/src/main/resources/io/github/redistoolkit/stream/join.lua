-- Makes a group if there is none, and with it the stream.
--
-- KEYS[1] the stream, KEYS[2] what is sent back to the group alone, KEYS[3] what is known of groups
-- ARGV[1] group, ARGV[2] the id that a new group starts after, ARGV[3] the last id that the caller
-- knows the group to have got, empty if it never knew the group
--
-- Returns the generation of the group, 1 if it was made, and the last id that it got.

local function make(key, start)
  local reply = redis.pcall('XGROUP', 'CREATE', key, ARGV[1], start, 'MKSTREAM')
  if reply.err then
    if string.find(reply.err, 'BUSYGROUP', 1, true) then return false end
    return reply
  end
  return true
end

local existed = redis.call('EXISTS', KEYS[1]) == 1
local start = ARGV[2]
if ARGV[3] ~= '' then
  start = ARGV[3]
  -- Its ids are lower: it is not the stream that the group was in, so all of it is new.
  if existed
      and less(field(redis.call('XINFO', 'STREAM', KEYS[1]), 'last-generated-id'), start) then
    start = '0-0'
  end
end

local made = make(KEYS[1], start)
if type(made) == 'table' then return made end
if made and not existed and ARGV[3] ~= '' and ARGV[3] ~= '0-0' then
  -- So that no id is given a second time, nor one that the group would take for old.
  redis.call('XSETID', KEYS[1], ARGV[3])
end
local again = make(KEYS[2], '0-0')
if type(again) == 'table' then return again end

local generation = redis.call('HGET', KEYS[3], 'g:' .. ARGV[1])
if made or not generation then
  local now = redis.call('TIME')
  generation = now[1] .. '.' .. now[2]
  redis.call('HSET', KEYS[3], 'g:' .. ARGV[1], generation)
end

local last = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(group, 'name') == ARGV[1] then last = field(group, 'last-delivered-id') end
end
return {generation, made and 1 or 0, last}
