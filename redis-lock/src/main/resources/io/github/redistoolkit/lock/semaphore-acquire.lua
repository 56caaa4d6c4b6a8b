-- Takes a permit if one is free, or says for how long none is.
--
-- Keys, arguments and replies as those of lock-acquire.lua; ARGV[7] how many permits there are. A
-- permit that is promised to a waiter counts as held for those who were not woken, for a moment.

-- <READ>
local memory, over = ARGV[3], entry and stop <= now
local survey = over or (held > 0 and first <= now) or (due > 0 and due <= now)
if survey then
  -- <SURVEY>
  if entry and not over then
    held = held + 1
    first = first == 0 and stop or math.min(first, stop)
    last = math.max(last, stop)
  end
end

-- <AGAIN>

local kept, still, woken = 0, {}, false
if promises ~= '' then
  for ticket, ends in string.gmatch(promises, ' (%d+):(%d+)') do
    local remains = ends - now
    if ticket == ARGV[5] then
      woken = true
    elseif remains > 0 and remains <= 20000 then
      kept = kept + 1
      still[kept] = ' ' .. ticket .. ':' .. ends
    end
  end
end
local permits, refused = tonumber(ARGV[7]), nil
if held >= permits then
  refused = math.max(1, math.ceil((first - now) / 1000))
elseif not woken and ARGV[5] ~= '*' and held + kept >= permits then
  refused = 500
end

if refused then
  local wait = ARGV[4] * 1000
  if wait > 0
      and ((now + wait - waiters) * 8 > wait or waiters - now > 4000000) then
    waiters = string.format('%.0f', now + wait)
    survey = true
  end
  if survey then
    if over then
      gone[#gone + 1] = 'h' .. me
    end
    -- <MAY_DROP>
    -- <TTL>
    -- <WRITE>
  end
  return -1 - refused
end
promises = table.concat(still)
-- <GRANT>
