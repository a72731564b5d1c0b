-- What the relays told that were heard of lately.
-- KEYS  1 sorted set of all relays   2 what the names of their hashes begin with
-- ARGV  1 time to live, ms   2 how many at most
-- Returns the fields and values of each.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', now_ms - ARGV[1]), '+inf',
                       'LIMIT', 0, ARGV[2])
local found = {}
for _, id in ipairs(ids) do
  local fields = redis.call('HGETALL', KEYS[2] .. id)
  if #fields > 0 then found[#found + 1] = fields end
end
return found
