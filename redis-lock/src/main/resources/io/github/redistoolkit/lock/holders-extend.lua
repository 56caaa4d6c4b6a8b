-- Moves the end of a lease, of a semaphore or a read-write lock.
--
-- Arguments and replies as those of the lock's own. A survey counts all but the owner.

-- <READ>
local memory = ARGV[3]
if not entry or stop <= now then
  return 0
end
if tonumber(move) > tonumber(ARGV[4]) then
  return -1
end
local moved = now + ARGV[2] * 1000
if ARGV[5] == 'GT' and stop > moved then
  moved = stop
end
if survey or (stop >= last and moved < stop) then
  -- <SURVEY>
  held = held + 1
  first = first == 0 and moved or first
end
first = math.min(first, moved)
last = math.max(last, moved)
-- <MAY_DROP>
-- <TTL>
if ARGV[6] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ttl)
end
redis.call('HSET', KEYS[1], 'h' .. me,
    string.format('%.0f %s %.0f', moved, ARGV[4], mine))
-- <WRITE>
return tonumber(ARGV[4])
