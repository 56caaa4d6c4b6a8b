-- Adds the owner as a holder, under a new token. A part of those that acquire.
--
-- The permissions are asked first, so that no key stays without a time to live, and nobody becomes
-- a holder without knowing of it.

-- <MAY_EXPIRE>
-- <MAY_DROP>
local ends = now + ARGV[2] * 1000
if state then
  token = math.max(token + 1, now)
end
held = held + 1
first = held == 1 and ends or math.min(first, ends)
last = math.max(last, ends)
redis.call('HSET', KEYS[1], 'h' .. me, string.format('%.0f 0 %.0f', ends, token))
-- <TTL>
-- <WRITE>
return token
