-- Renews the leases of a consumer, and of no other: what another has taken over stays with it.
--
-- KEYS[1] the stream, KEYS[2] what is known of groups
-- ARGV[1] group, ARGV[2] consumer, ARGV[3] among how many to look, then the ids
--
-- Returns the generation of the group, empty if there is none; which ids are not the consumer's any
-- more; and which were trimmed.

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3], ARGV[2])
if pending.err then
  if string.find(pending.err, 'NOGROUP', 1, true) then return {'', {}, {}} end
  return pending
end
local mine = {}
for _, each in ipairs(pending) do mine[each[1]] = true end

local lost, gone = {}, {}
for i = 4, #ARGV do
  if not mine[ARGV[i]] then
    lost[#lost + 1] = ARGV[i]
  elseif not redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')[1] then
    gone[#gone + 1] = ARGV[i]
  end
end
return {redis.call('HGET', KEYS[2], 'g:' .. ARGV[1]) or '', lost, gone}
