-- Ends a lease, or what may become one, and wakes who waits.
--
-- KEYS[1] the state, KEYS[2] the wake list if a waiter is to be woken
-- ARGV[1] owner, ARGV[2] memory in ms
-- ARGV[3] 'mark' if a request of the owner may still be under way
-- ARGV[4] what to do if somebody waits. 'ask': nothing, but say so; 'wake': wake; 'quiet': leave
--     them to ask again by themselves
-- ARGV[5] for how many ms from now nobody may have the lock yet
-- ARGV[6] 'dirty' if Redis is out of memory
--
-- Returns 1 if the owner had the lock until now; 2 if it has and somebody waits; else 0.
--
-- Of what is to be woken the permissions are asked first, so that the list never stays without a
-- time to live. Redis lets a script go on without memory after a write that needs none.

-- <READ>
local mine = state and owner == ARGV[1]
if mine and waiters == '0' and marks == '' and ARGV[3] == '' and ARGV[5] == '0'
    and ARGV[6] == '' then
  redis.call('SET', KEYS[1], string.match(state, '%d+'), 'PX', ARGV[2])
  return 1
end
if not mine and ARGV[3] == '' then
  return 0
end
local now
if not state or waiters ~= '0' or marks ~= '' or ARGV[3] ~= '' or ARGV[5] ~= '0' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
if state and now and stop - now > 31622400000000 then
  return redis.error_reply('LOCKSTATE the lease of the lock ends beyond all leases')
end
if not state then
  token, stop, owner, move, waiters, promised, marks = now, 0, '-', '0', '0', '0', ''
end
if mine then
  if waiters ~= '0' and tonumber(waiters) <= now then
    waiters = '0'
  end
  promised = '0'
  if waiters ~= '0' and ARGV[5] == '0' then
    if ARGV[4] == 'ask' then
      return 2
    end
    if ARGV[4] == 'wake' then
      if not redis.acl_check_cmd('PEXPIRE', KEYS[2], 2000) then
        return redis.error_reply(
            'NOPERM this user has no permissions to run PEXPIRE on the wake list')
      end
      if redis.call('RPUSH', KEYS[2], string.format('%.0f', token)) > 1 then
        redis.call('LTRIM', KEYS[2], -1, -1)
      end
      redis.call('PEXPIRE', KEYS[2], 2000)
      promised = string.format('%.0f', now + 20000)
    end
  end
  stop, owner, move = 0, '-', '0'
  if ARGV[5] ~= '0' then
    stop = now + ARGV[5] * 1000
  end
end
if ARGV[3] ~= '' then
  marks = string.format('%s t%s:%.0f', marks, string.sub(ARGV[1], 1, 8),
      math.floor(now / 1000) + ARGV[2])
end
if now then
  -- <PRUNE>
end
local ttl = ARGV[2] + 0
if now then
  ttl = ttl + (math.max(0, token - now) + math.max(0, stop - now)) / 1000
end
ttl = string.format('%.0f', ttl)
if ARGV[6] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ttl)
end
redis.call('SET', KEYS[1],
    string.format('%.0f %.0f %s %s %s %s%s', token, stop, owner, move, waiters,
        promised, marks),
    'PX', ttl)
return mine and 1 or 0
