-- Moves an entry to the dead letters of its group, unless somebody has done with it.
--
-- KEYS[1] the stream, KEYS[2] the dead letters, KEYS[3] what is known of groups
-- ARGV[1] group, ARGV[2] id of the entry, ARGV[3] id of the message, ARGV[4] deliveries, ARGV[5] the
-- error, ARGV[6] 1 if the entry is the group's alone
--
-- Returns 1 if it was moved, 0 if it was not pending, -1 if it was trimmed before, which is
-- counted, -3 if there is no such group.

local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
-- First: where memory is short, a script that has written something may go on.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
  if pending.err and string.find(pending.err, 'NOGROUP', 1, true) then return -3 end
  return 0
end
if not entry then
  redis.call('HINCRBY', KEYS[3], 't:' .. ARGV[1], 1)
  redis.call('HINCRBY', KEYS[3], 'u:' .. ARGV[1], 1)
  return -1
end
local fields = entry[2]
local payload = false
for i = 1, #fields, 2 do
  if fields[i] == 'd' then payload = fields[i + 1] end
end
if payload then
  redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'd', payload, 'n', ARGV[4], 'e', ARGV[5])
else
  redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'n', ARGV[4], 'e', ARGV[5])
end
if ARGV[6] == '1' then redis.call('XDEL', KEYS[1], ARGV[2]) end
return 1
