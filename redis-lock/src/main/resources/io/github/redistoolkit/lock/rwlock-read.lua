-- Reads the state, and what there is of the owner, or answers that it is none. A part of the others.

local me = ARGV[1] or ''
local waiter = (ARGV[7] or 'r') .. me
local found = redis.call(
    'HMGET', KEYS[1], 's', 'h' .. me, 't' .. string.sub(me, 1, 8), waiter)
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state, entry, mark, waits = found[1], found[2], found[3], found[4]
local token, held, first, last, due, writing = now, 0, 0, 0, 0, 0
local readers, writers, phase, turn, promised = 0, 0, 0, 0, 0
local stop, move, mine
local sound = state or redis.call('EXISTS', KEYS[1]) == 0
if state then
  token = tonumber(string.match(state, '^%d+$'))
  if not token then
    local rest
    token, held, first, last, rest =
        string.match(state, '^(%d+) (%d+) (%d+) (%d+)(.*)$')
    token, held, first, last = tonumber(token), tonumber(held), tonumber(first), tonumber(last)
    if rest == ' 1' then
      writing = 1
    elseif rest ~= '' then
      writing, due, readers, writers, phase, turn, promised = string.match(
          rest or '', '^ ([01]) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
      writing, due, readers = tonumber(writing), tonumber(due), tonumber(readers)
      writers, phase, turn = tonumber(writers), tonumber(phase), tonumber(turn)
      promised = tonumber(promised)
      token = promised and token
    end
  end
  sound = token and token <= 9007199254740000 and held <= 100000 and first <= last
      and last - now <= 31622400000000 and due - now <= 31622400000000
      and readers <= 100000 and writers <= 100000
end
if entry and sound then
  stop, move, mine = string.match(entry, '^(%d+) (%d+) (%d+)$')
  stop, mine = tonumber(stop), tonumber(mine)
  sound = mine
end
if not sound then
  return redis.error_reply('LOCKSTATE the key does not hold the state of a read-write lock')
end
if phase > now then
  phase, turn = 0, 0
end
turn = now - phase < 100000 and math.min(turn, readers) or 0
if promised - now > 20000 then
  promised = 0
end
local since = waits and tonumber(string.match(waits, '^%d+ (%d+)$')) or now
local gone = {}
local survey = (held > 0 and first <= now) or (due > 0 and due <= now)
    or (due == 0 and readers + writers > 0) or due - now > 120000000
