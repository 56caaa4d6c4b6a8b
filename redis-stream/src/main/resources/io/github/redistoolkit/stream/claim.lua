-- Takes over entries whose consumer has not renewed its lease. The caller is such a consumer too, of what
-- it has not in hand: what its handler had for too long and then failed on, or what it lost track of.
--
-- KEYS[1] the stream, KEYS[2] what is known of groups
-- ARGV[1] group, ARGV[2] consumer, ARGV[3] lease in milliseconds, ARGV[4] how many at most, ARGV[5]
-- among how many to look, then the ids that the caller has in hand
--
-- Returns the entries, each with its fields and which delivery this is; 1 if there are more; and how
-- many were trimmed before anybody had done with them.

local held = {}
for i = 6, #ARGV do held[ARGV[i]] = true end

local taken, gone, more = {}, 0, 0
local idle = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', ARGV[5])
for _, each in ipairs(idle) do
  if each[2] ~= ARGV[2] or not held[each[1]] then
    if #taken == tonumber(ARGV[4]) then
      more = 1
      break
    end
    local delivery = each[4] + 1
    local entry = redis.call(
        'XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], each[1], 'RETRYCOUNT', delivery)[1]
    if entry then
      taken[#taken + 1] = {entry[1], entry[2], delivery}
    else
      gone = gone + 1
    end
  end
end
if gone > 0 then
  redis.call('HINCRBY', KEYS[2], 't:' .. ARGV[1], gone)
  redis.call('HINCRBY', KEYS[2], 'u:' .. ARGV[1], gone)
end
return {taken, more, gone}
