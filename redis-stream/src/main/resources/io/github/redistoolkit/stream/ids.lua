-- What several scripts begin with: fields of replies, and ids, of which each part has 64 bits.

local function field(info, name)
  for i = 1, #info, 2 do
    if info[i] == name then return info[i + 1] end
  end
end

-- The first part is a time in milliseconds, which Lua's numbers hold; the second may be anything.
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
  return tonumber(ms), seq
end

local function less(a, b)
  local am, as = parts(a)
  local bm, bs = parts(b)
  if am ~= bm then return am < bm end
  if #as ~= #bs then return #as < #bs end
  return as < bs
end

-- The least id above one; where Lua's numbers do not hold it, the same id, so that one more is kept.
local function after(id)
  local ms, seq = parts(id)
  if seq == '18446744073709551615' then return string.format('%.0f-0', ms + 1) end
  if #seq > 15 then return id end
  return string.format('%.0f-%.0f', ms, tonumber(seq) + 1)
end

-- The least id that a group has not done with.
local function undone(key, group)
  local first = after(field(group, 'last-delivered-id'))
  if field(group, 'pending') > 0 then
    local pending = redis.call('XPENDING', key, field(group, 'name'))[2]
    if pending and less(pending, first) then first = pending end
  end
  return first
end

-- The least id that any group has not done with; none if there is no group.
local function undoneByAny(key, groups)
  local least
  for _, group in ipairs(groups) do
    local first = undone(key, group)
    if not least or less(first, least) then least = first end
  end
  return least
end

-- Counts for each group what it has not got of entries that are to be trimmed.
local function countLost(known, groups, entries)
  for _, group in ipairs(groups) do
    local got, missed = field(group, 'last-delivered-id'), 0
    for _, entry in ipairs(entries) do
      if less(got, entry[1]) then missed = missed + 1 end
    end
    if missed > 0 then
      redis.call('HINCRBY', known, 't:' .. field(group, 'name'), missed)
      redis.call('HINCRBY', known, 'u:' .. field(group, 'name'), missed)
    end
  end
end
