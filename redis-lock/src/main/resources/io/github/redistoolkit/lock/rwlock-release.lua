-- Ends a lease, or what may become one, and wakes whose turn it is.
--
-- Arguments and replies as those of lock-release.lua, ARGV[7] 'r' or 'w' for who asks; 2 only if
-- somebody is to be woken now. KEYS[2] and KEYS[3] the wake lists of writers and readers. One who
-- waits and has no lease leaves so.
--
-- After a writer come the readers that wait, all of them; after the last of the readers one writer.
-- When the last writer that waits leaves, the readers it kept out are woken.
--
-- Also without memory a holder is removed, after which Redis lets a script go on.

-- <READ>
-- <MOST>
local memory, reads, keep = ARGV[2], ARGV[7] == 'r', ARGV[5] * 1000
if not entry and not waits and ARGV[3] == '' then
  return 0
end
if waits and reads and since <= phase then
  turn = math.max(0, turn - 1)
end
if survey or (entry and stop >= last and move ~= '0') then
  -- <SURVEY>
  -- <NEW_TURN>
else
  if entry then
    held = held - 1
  end
  if waits and reads then
    readers = readers - 1
    turn = math.min(readers, turn)
  elseif waits then
    writers = writers - 1
  end
end
if entry and keep > 0 then
  held = held + 1
  first = held == 1 and now + keep or math.min(first, now + keep)
  last = math.max(held == 1 and 0 or last, now + keep)
elseif entry and not reads then
  phase, writing = readers + writers > 0 and now or 0, 0
end

local list, woken
local reading = held == 0 or writing == 0
if waits and not reads and writers == 0 and readers > 0 and reading then
  list, woken = 3, readers
elseif held == 0 and entry and not reads and readers > 0 then
  list, woken, turn = 3, readers, readers
elseif held == 0 and turn == 0
    and (entry or (waits and (not reads or promised <= now))) then
  if writers > 0 then
    list, woken, promised = 2, 1, now + 20000
  elseif readers > 0 then
    list, woken = 3, readers
  end
end
if list and ARGV[4] == 'ask' then
  return 2
end
if list and ARGV[4] == 'quiet' then
  turn, promised = 0, 0
end
if not state then
  -- <MAY_EXPIRE>
end
-- <MAY_DROP>
if list and ARGV[4] == 'wake' then
  if not redis.acl_check_cmd('PEXPIRE', KEYS[list], 2000) then
    return redis.error_reply(
        'NOPERM this user has no permissions to run PEXPIRE on the wake list')
  end
  -- <MAY_REMOVE>
  woken = math.min(woken, most)
  local length
  for from = 1, woken, 1000 do
    local calls = {}
    for i = from, math.min(woken, from + 999) do
      calls[#calls + 1] = string.format('%.0f', token)
    end
    length = redis.call('RPUSH', KEYS[list], unpack(calls))
  end
  if length > woken then
    redis.call('LTRIM', KEYS[list], -woken, -1)
  end
  redis.call('PEXPIRE', KEYS[list], 2000)
end

if waits then
  redis.call('HDEL', KEYS[1], waiter)
end
-- <LEAVE>
if entry and keep > 0 then
  redis.call('HSET', KEYS[1], 'h-' .. me,
      string.format('%.0f 0 %.0f', now + keep, mine))
end
-- <WRITE>
return entry and 1 or 0
