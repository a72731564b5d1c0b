-- What the scripts that take reports begin with: amounts, the witness, and shares of places.
local amount_max = 9007199254740991  -- 2^53 - 1: what Lua counts exactly

local function amount(text)
  local value = tonumber(text)
  if value == nil or value < 0 or value > amount_max or value ~= math.floor(value) then
    error('DAMAGED "' .. string.sub(tostring(text), 1, 40) .. '" is not an amount')
  end
  return value
end

local function text_of(value) return string.format('%.0f', value) end

-- The witness of another server, or none: what was granted may be forgotten here.
local function witness_of(key, run, validity)
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  local stored = redis.call('HMGET', key, 'run', 'until', 'validity')
  local validity_ms = math.max(amount(validity), amount(stored[3] or '0'))
  local until_ms = amount(stored[2] or '0')
  local longest_ms = math.floor(validity_ms * 1.1)
  local renew = stored[1] ~= run or until_ms > now_ms + longest_ms
  if renew then until_ms = now_ms + longest_ms end
  return {key = key, run = run, until_ms = until_ms, validity_ms = validity_ms,
          changed = renew or stored[3] ~= text_of(validity_ms),
          learning_ms = math.max(until_ms - now_ms, 0),
          epoch = run .. ' ' .. text_of(until_ms)}
end

local function write_witness(witness)
  if not witness.changed then return end
  redis.call('HSET', witness.key, 'run', witness.run, 'until', text_of(witness.until_ms),
             'validity', text_of(witness.validity_ms))
end

-- Places of a key: the sum of what is held, how many hold some, and the share of relay:incarnation,
-- "held sequence".
local function share_of_places(text)
  if not text then return {held = 0, n = 0}, false end
  local held, n = string.match(text, '^(%d+) (%d+)$')
  return {held = amount(held), n = amount(n)}, true
end

local function places_of(key, name)
  local stored = redis.call('HMGET', key, 'held', 'holders', 's:' .. name)
  local places = {key = key, held = amount(stored[1] or '0'), holders = amount(stored[2] or '0'),
                  dropped = {}}
  places.share, places.had_share = share_of_places(stored[3])
  if places.share.held > places.held then error('DAMAGED sums of ' .. key) end
  return places
end

-- What remains when the share is gone.
local function drop_share(places, name, share)
  if share.held > places.held then error('DAMAGED sums of ' .. places.key) end
  places.held = places.held - share.held
  if share.held > 0 then places.holders = math.max(places.holders - 1, 0) end
  places.dropped[#places.dropped + 1] = 's:' .. name
end

local function places_without(key, name)
  local places = places_of(key, name)
  drop_share(places, name, places.share)
  return places
end

local function write_places(places, ...)
  redis.call('HSET', places.key, 'held', text_of(places.held), 'holders',
             text_of(places.holders), ...)
  for _, field in ipairs(places.dropped) do redis.call('HDEL', places.key, field) end
end

