-- Reads what the server has given to a consumer, whose reply may never have come. Counts as no
-- delivery.
--
-- KEYS[1] the stream, KEYS[2] what is known of groups
-- ARGV[1] group, ARGV[2] consumer, ARGV[3] the id to begin with, ARGV[4] how many at most
--
-- Returns the entries, each with its fields and which delivery it is, or only its id where another
-- page has to begin after it.

local found, gone = {}, 0
local pending =
    redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], '+', ARGV[4], ARGV[2])
for _, each in ipairs(pending) do
  local kept = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, each[1], 'JUSTID')[1]
  local entry = kept and redis.call('XRANGE', KEYS[1], each[1], each[1])[1]
  if entry then
    found[#found + 1] = {entry[1], entry[2], each[4]}
  else
    gone = gone + 1
    found[#found + 1] = {each[1]}
  end
end
if gone > 0 then
  redis.call('HINCRBY', KEYS[2], 't:' .. ARGV[1], gone)
  redis.call('HINCRBY', KEYS[2], 'u:' .. ARGV[1], gone)
end
return found
