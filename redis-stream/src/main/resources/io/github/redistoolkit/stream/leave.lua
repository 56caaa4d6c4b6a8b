-- Hands back at once what a consumer has not done, and removes it if nothing is left.
--
-- KEYS[1] the stream, KEYS[2] what is sent back to the group alone
-- ARGV[1] group, ARGV[2] consumer, ARGV[3] how many ids of the stream to leave as they are, these,
-- how many of the stream were begun, these, then the same for what was sent back
--
-- Returns how many were handed back.

local at, back = 3, 0

local function set()
  local ids = {}
  local count = tonumber(ARGV[at])
  for i = at + 1, at + count do ids[ARGV[i]] = true end
  at = at + count + 1
  return ids
end

for i = 1, 2 do
  local left, begun = set(), set()
  local pending = redis.pcall('XPENDING', KEYS[i], ARGV[1], '-', '+', 10000, ARGV[2])
  if not pending.err then
    local stays = false
    for _, each in ipairs(pending) do
      stays = true
      -- Not what this very script has handed back before, if it is sent again.
      if not left[each[1]] and each[3] < 1000000000000 then
        -- What was not begun does not count as a delivery. The time is one long ago, so that whoever
        -- looks for leases that have ended finds it.
        local count = begun[each[1]] and each[4] or math.max(each[4] - 1, 0)
        redis.call('XCLAIM', KEYS[i], ARGV[1], ARGV[2], 0, each[1], 'TIME', 1, 'RETRYCOUNT', count,
            'JUSTID')
        back = back + 1
      end
    end
    if not stays then redis.call('XGROUP', 'DELCONSUMER', KEYS[i], ARGV[1], ARGV[2]) end
  end
end
if back > 0 then
  -- Wakes another consumer, which then takes over.
  redis.call('XADD', KEYS[2], '*', 'claim', '1')
end
return back
