-- Takes the lock if it is free, or says for how long it is not.
--
-- KEYS[1] the state
-- ARGV[1] owner, ARGV[2] lease in ms, ARGV[3] memory in ms
-- ARGV[4] for how many ms the caller will block if refused; 0 if not at all
-- ARGV[5] the token by which the caller was woken; '' if it was not, '*' for one who takes a free
--     lock even if it is promised
-- ARGV[6] the sum of lease and memory in ms
--
-- Returns the token, or, refused, -1 minus the ms for which the lock is held at most.
--
-- A request that is repeated never brings the end of the lease forward, since it may arrive after
-- an extension. A promise that lies further ahead than promises are made is none: the clock has
-- been set back.

-- <READ>
-- <NOW>
local refused
if not state then
  token, waiters, marks = now, '0', ''
else
  if stop - now > 31622400000000 then
    return redis.error_reply('LOCKSTATE the lease of the lock ends beyond all leases')
  end
  if owner == ARGV[1] and stop > now then
    local again = now + ARGV[2] * 1000
    if again > stop then
      redis.call('SET', KEYS[1],
          string.format('%.0f %.0f %s %s %s 0%s', token, again, owner, move, waiters,
              marks),
          'PX', string.format('%.0f',
              ARGV[2] + ARGV[3] + math.max(0, token - now) / 1000))
    end
    return token
  end
  if marks ~= '' and string.find(
      marks, ' t' .. string.sub(ARGV[1], 1, 8) .. ':', 1, true) then
    return -1
  end
  if stop > now then
    refused = math.ceil((stop - now) / 1000)
  elseif promised ~= '0' and ARGV[5] ~= '*' then
    local left = promised - now
    if left > 0 and left <= 20000 and tonumber(ARGV[5]) ~= token then
      refused = 500
    end
  end
end

if refused then
  if ARGV[4] ~= '0' then
    local wait = ARGV[4] * 1000
    if (now + wait - waiters) * 8 > wait or waiters - now > 4000000 then
      redis.call('SET', KEYS[1],
          string.format('%.0f %.0f %s %s %.0f %s%s', token, stop, owner, move,
              now + wait, promised, marks),
          'PX', string.format('%.0f',
              ARGV[3] + (math.max(0, token - now) + math.max(0, stop - now)) / 1000))
    end
  end
  return -1 - refused
end

local ttl = ARGV[6]
if state then
  if token < now then
    token = now
  else
    token = token + 1
    if not string.find(marks, ' a:', 1, true) then
      marks = string.format('%s a:%.0f', marks, math.ceil(token / 1000))
    end
    ttl = string.format('%.0f', ARGV[6] + (token - now) / 1000)
  end
end
-- <PRUNE>
redis.call('SET', KEYS[1],
    string.format('%.0f %.0f %s 0 %s 0%s', token, now + ARGV[2] * 1000, ARGV[1],
        waiters, marks),
    'PX', ttl)
return token
