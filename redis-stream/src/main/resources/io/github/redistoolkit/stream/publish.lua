-- Publishes to a topic that has a largest length.
--
-- KEYS[1] the stream, KEYS[2] what is known of groups
-- ARGV[1] how many entries at most, ARGV[2] REFUSE or TRIM, ARGV[3] the message
--
-- Returns the id, or nothing if the topic is full.

local most = tonumber(ARGV[1])
local over = redis.call('XLEN', KEYS[1]) + 1 - most
if over > 0 then
  local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
  local least = undoneByAny(KEYS[1], groups)
  if least then over = over - redis.call('XTRIM', KEYS[1], 'MINID', least) end
  if over > 0 then
    if ARGV[2] == 'REFUSE' then return false end
    local old = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', over)
    countLost(KEYS[2], groups, old)
    redis.call('XTRIM', KEYS[1], 'MINID', after(old[#old][1]))
  end
end
return redis.call('XADD', KEYS[1], '*', 'd', ARGV[3])
