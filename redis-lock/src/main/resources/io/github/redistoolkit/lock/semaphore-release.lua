-- Ends a permit, or what may become one, and wakes one waiter, for whom it is kept for a moment.
--
-- Keys, arguments and replies as those of lock-release.lua; ARGV[7] how many permits there are.
--
-- Also without memory a holder is removed, after which Redis lets a script go on.

-- <READ>
local memory = ARGV[2]
if not entry and ARGV[3] == '' then
  return 0
end
local survey = (held > 1 and first <= now) or (due > 0 and due <= now)
if tonumber(waiters) <= now or waiters - now > 4000000 then
  waiters = '0'
end
if entry then
  if waiters ~= '0' and ARGV[4] == 'ask' then
    return 2
  end
  if waiters ~= '0' and ARGV[4] == 'wake' then
    if not redis.acl_check_cmd('PEXPIRE', KEYS[2], 2000) then
      return redis.error_reply(
          'NOPERM this user has no permissions to run PEXPIRE on the wake list')
    end
    -- <MAY_REMOVE>
    local ticket = string.format('%.0f', mine)
    if redis.call('RPUSH', KEYS[2], ticket) > tonumber(ARGV[7]) then
      redis.call('LTRIM', KEYS[2], -ARGV[7], -1)
    end
    redis.call('PEXPIRE', KEYS[2], 2000)
    promises = string.format('%s %s:%.0f', promises, ticket, now + 20000)
  end
  held = held - 1
  survey = survey or (stop >= last and move ~= '0')
elseif not state then
  -- <MAY_EXPIRE>
end
if survey then
  -- <SURVEY>
elseif held < 1 then
  first, last = 0, 0
end
-- <LEAVE>
-- <WRITE>
return entry and 1 or 0
