-- Answers an owner that holds already, whose lease may become longer, and refuses one that has ended.
-- A part of those that acquire.
--
-- The state may have been surveyed without the owner, who has been added again. A request that is
-- repeated never brings the end of the lease forward.

if entry and not over then
  local again = now + ARGV[2] * 1000
  if again > stop then
    last = math.max(last, again)
    -- <MAY_DROP>
    -- <TTL>
    redis.call('HSET', KEYS[1], 'h' .. me,
        string.format('%.0f %s %.0f', again, move, mine))
    -- <WRITE>
  end
  return mine
end
if mark and (tonumber(mark) or 0) > now then
  return -1
end
