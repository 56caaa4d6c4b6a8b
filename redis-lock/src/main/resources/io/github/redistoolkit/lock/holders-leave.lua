-- Removes the owner, who is no longer counted, and marks it if a request of it may still be under
-- way. A part of those that release; what they change besides is written after it.
--
-- Also without memory a holder is removed, after which Redis lets a script go on.

local marked = now + ARGV[2] * 1000
if ARGV[3] ~= '' and due == 0 then
  due = marked
end
-- <TTL>
if entry then
  redis.call('HDEL', KEYS[1], 'h' .. me)
elseif ARGV[6] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ttl)
end
if ARGV[3] ~= '' then
  local field = 't' .. string.sub(me, 1, 8)
  for i = #gone, 1, -1 do
    if gone[i] == field then
      table.remove(gone, i)
    end
  end
  redis.call('HSET', KEYS[1], field, string.format('%.0f', marked))
end
