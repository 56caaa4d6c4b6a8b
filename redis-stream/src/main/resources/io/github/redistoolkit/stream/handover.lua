-- Ends the ownership of a partition: acknowledges what was done, hands back what was not, and frees the
-- partition for the next.
--
-- KEYS[1] the stream, KEYS[2] what is sent back to the group alone, KEYS[3] what is known of groups
-- ARGV[1] group, ARGV[2] consumer, ARGV[3] its fencing number, then for the stream how many ids to
-- acknowledge, these, how many were begun, these, then the same for what was sent back
--
-- Returns 1, or 0 if the partition is another's by now: then it only acknowledges.

local at = 4

local function set()
  local ids = {}
  local count = tonumber(ARGV[at])
  for i = at + 1, at + count do ids[ARGV[i]] = true end
  at = at + count + 1
  return ids
end

local lease = redis.call('HGET', KEYS[3], 'l:' .. ARGV[1])
local fence, owner = string.match(lease or '', '^(%d+) %d+ (%S+)$')
local reader = ARGV[2] .. ':' .. ARGV[3]
local mine = fence == ARGV[3] and owner == ARGV[2]

for i = 1, 2 do
  local done, begun = set(), set()
  for id in pairs(done) do
    redis.call('XACK', KEYS[i], ARGV[1], id)
    if i == 2 then redis.call('XDEL', KEYS[i], id) end
  end
  local pending = mine and redis.pcall('XPENDING', KEYS[i], ARGV[1], '-', '+', 10000, reader)
  if pending and not pending.err then
    for _, each in ipairs(pending) do
      -- What was not begun does not count as a delivery.
      if not begun[each[1]] then
        redis.call('XCLAIM', KEYS[i], ARGV[1], reader, 0, each[1], 'RETRYCOUNT',
            math.max(each[4] - 1, 0), 'JUSTID')
      end
    end
    if #pending == 0 then redis.call('XGROUP', 'DELCONSUMER', KEYS[i], ARGV[1], reader) end
  end
end
if not mine then return 0 end
redis.call('HSET', KEYS[3], 'l:' .. ARGV[1], fence .. ' 0 -')
return 1
