-- Acknowledges what the owner of a partition has done, and gives it what comes next: first what was
-- delivered to whoever owned it before, then what is new. Nobody else is given anything.
--
-- KEYS[1] the stream, KEYS[2] what is sent back to the group alone, KEYS[3] what is known of groups
-- ARGV[1] group, ARGV[2] consumer, ARGV[3] its fencing number (with it, it reads), ARGV[4] how many at most, ARGV[5] 1 to
-- look for what was delivered before, ARGV[6] and ARGV[7] where to begin with that in both streams,
-- ARGV[8] how many ids of the stream to acknowledge, these, then those of what was sent back
--
-- Returns 1, or 0 if the partition is another's, or -1 if there is no group; 1 if there may be more
-- that was delivered before; and the entries: 0 or 1 for the stream, id, fields, which delivery.

local acks = tonumber(ARGV[8])
if acks > 0 then redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 9, 8 + acks)) end
if #ARGV > 8 + acks then
  redis.call('XACK', KEYS[2], ARGV[1], unpack(ARGV, 9 + acks))
  redis.call('XDEL', KEYS[2], unpack(ARGV, 9 + acks))
end

local lease = redis.call('HGET', KEYS[3], 'l:' .. ARGV[1])
local fence, owner = string.match(lease or '', '^(%d+) %d+ (%S+)$')
if fence ~= ARGV[3] or owner ~= ARGV[2] then return {0, 0, {}} end

local reader = ARGV[2] .. ':' .. ARGV[3]
local most = tonumber(ARGV[4])
local found, gone, more = {}, 0, false

local function isOfTheGroup(reply)
  return type(reply) == 'table' and reply.err and string.find(reply.err, 'NOGROUP', 1, true)
end

if most > 0 and ARGV[5] == '1' then
  for i = 1, 2 do
    local pending = redis.pcall('XPENDING', KEYS[i], ARGV[1], ARGV[5 + i], '+', most)
    if isOfTheGroup(pending) then return {-1, 0, {}} end
    if pending.err then return pending end
    more = more or #pending == most
    for _, each in ipairs(pending) do
      local mine = each[2] == reader
      -- What another consumer had may have ended its process. So it comes alone, or what was read
      -- ahead behind it would lose a delivery with it each time.
      if more and #found > 0 and not mine then break end
      local entry
      if mine then
        local kept = redis.call('XCLAIM', KEYS[i], ARGV[1], reader, 0, each[1], 'JUSTID')[1]
        entry = kept and redis.call('XRANGE', KEYS[i], each[1], each[1])[1]
      else
        entry = redis.call('XCLAIM', KEYS[i], ARGV[1], reader, 0, each[1], 'RETRYCOUNT',
            each[4] + 1)[1]
      end
      if entry then
        found[#found + 1] = {i - 1, entry[1], entry[2], mine and each[4] or each[4] + 1}
      else
        gone = gone + 1
      end
      more = true
      if entry and not mine then break end
    end
    if #found > 0 then break end
  end
  if gone > 0 then
    redis.call('HINCRBY', KEYS[3], 't:' .. ARGV[1], gone)
    redis.call('HINCRBY', KEYS[3], 'u:' .. ARGV[1], gone)
  end
end

if most > 0 and not more then
  for i = 2, 1, -1 do
    if #found < most then
      local read = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], reader, 'COUNT', most - #found,
          'STREAMS', KEYS[i], '>')
      if isOfTheGroup(read) then return {-1, 0, found} end
      if read and read.err then return read end
      for _, entry in ipairs(read and read[1][2] or {}) do
        found[#found + 1] = {i - 1, entry[1], entry[2], 1}
      end
    end
  end
end
return {1, more and 1 or 0, found}
