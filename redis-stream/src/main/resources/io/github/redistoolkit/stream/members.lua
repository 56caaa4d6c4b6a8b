-- Says that a consumer of a group is there, and how many are. Each of them does so several times in a
-- lease, and takes its share of the partitions.
--
-- KEYS[1] the members, KEYS[2] how many partitions the topic has
-- ARGV[1] the consumer, ARGV[2] for how many milliseconds it is there, 0 if it leaves, ARGV[3] for how
-- many to remember that it has left, ARGV[4] how many partitions it takes the topic to have
--
-- Returns how many members there are, 0 if this one has left, and how many of them come before it; or
-- -1 and how many partitions there are, if it is wrong about that.

local known = redis.pcall('HGET', KEYS[2], 'partitions')
if type(known) == 'table' then return {-1, 1} end
if not known then
  redis.call('HSET', KEYS[2], 'partitions', ARGV[4])
elseif known ~= ARGV[4] then
  return {-1, tonumber(known)}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own = redis.call('HGET', KEYS[1], ARGV[1])
local left = ARGV[2] == '0' or (own and string.sub(own, 1, 1) == '-')
local count, before, last = 0, 0, 0
if left then
  -- Said again, or said late, that it is there changes nothing any more.
  last = now + ARGV[3]
  redis.call('HSET', KEYS[1], ARGV[1], string.format('-%.0f', last))
else
  count, last = 1, now + ARGV[2]
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', last))
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local stop = math.abs(tonumber(all[i + 1]))
  if all[i] ~= ARGV[1] then
    -- None is there for longer than a day: the clock has been set back.
    if stop <= now or stop - now > 200000000 then
      redis.call('HDEL', KEYS[1], all[i])
    else
      last = math.max(last, stop)
      if not left and string.sub(all[i + 1], 1, 1) ~= '-' then
        count = count + 1
        if all[i] < ARGV[1] then before = before + 1 end
      end
    end
  end
end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', last - now))
return {count, before}
