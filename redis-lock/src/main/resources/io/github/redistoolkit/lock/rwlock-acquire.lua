-- Takes the lock for reading or writing if it may be had, or says for how long it may not.
--
-- Keys, arguments and replies as those of lock-acquire.lua; ARGV[7] 'r' or 'w' for who asks,
-- ARGV[8] for how many ms the caller has waited. Who may wait is written down, so that it counts
-- when others ask. Nobody is granted a lease while it is the others' turn, not even a caller that
-- ignores promises. Beyond 100,000 waiters, no more are written down.

-- <READ>
-- <MOST>
local memory, over = ARGV[3], entry and stop <= now
local reads = ARGV[7] == 'r'
survey = survey or over
if survey then
  -- <SURVEY>
  if entry and not over then
    held = held + 1
    first = first == 0 and stop or math.min(first, stop)
    last = math.max(last, stop)
  elseif over and writing == 1 and stop > phase then
    phase, ended = stop, true
  end
  if waits and reads then
    readers = readers + 1
  elseif waits then
    writers = writers + 1
  end
  -- <NEW_TURN>
end

-- <AGAIN>

local refused
local arrived = math.min(since, now - ARGV[8] * 1000)
if held > 0 and (writing == 1 or not reads) then
  refused = math.max(1, math.ceil((last - now) / 1000))
elseif reads and (held >= most or (writers > 0 and arrived > phase)) then
  refused = 500
elseif not reads and turn > 0 then
  refused = math.max(1, math.ceil((phase + 100000 - now) / 1000))
elseif not reads and promised > now and ARGV[5] ~= '*'
    and tonumber(ARGV[5]) ~= token then
  refused = 500
end

if refused then
  local wait = ARGV[4] * 1000
  local known = tonumber(waits and string.match(waits, '^%d+') or 0)
  if wait > 0 and (waits or readers + writers < 100000)
      and ((now + wait - known) * 8 > wait or known - now > 4000000) then
    if over then
      gone[#gone + 1] = 'h' .. me
    end
    -- <MAY_DROP>
    if not waits and reads then
      readers = readers + 1
    elseif not waits then
      writers = writers + 1
    end
    due = due == 0 and now + wait or math.min(due, now + wait)
    redis.call('HSET', KEYS[1], waiter, reads
        and string.format('%.0f %.0f', now + wait, math.max(0, arrived))
        or string.format('%.0f', now + wait))
    -- <TTL>
    -- <WRITE>
  elseif survey then
    if over then
      gone[#gone + 1] = 'h' .. me
    end
    if waits then
      due = due == 0 and known or math.min(due, known)
    end
    -- <MAY_DROP>
    -- <TTL>
    -- <WRITE>
  end
  return -1 - refused
end

if waits then
  gone[#gone + 1] = waiter
  if reads then
    readers = readers - 1
    turn = math.max(0, math.min(readers, since <= phase and turn - 1 or turn))
  else
    writers = writers - 1
  end
end
writing, promised = reads and 0 or 1, 0
if not reads then
  phase, turn = 0, 0
end
-- <GRANT>
