-- What the relays told that were heard of lately.
-- KEYS  1 sorted set of all relays   2 what the names of their hashes begin with
--       3 where the answer is kept for a moment
-- ARGV  1 time to live, ms   2 how many relays at most   3 for how long the answer may be kept, ms; 0: not
-- Returns one text: fields and values, each followed by the octet 31, and after each relay the octet 30. One
-- that is kept costs the server next to nothing, however many relays ask.
local keep_ms = tonumber(ARGV[3])
local kept = keep_ms > 0 and redis.call('GET', KEYS[3])
if kept then return kept end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', now_ms - ARGV[1]), '+inf',
                       'LIMIT', 0, ARGV[2])
local found = {}
for _, id in ipairs(ids) do
  local fields = redis.call('HGETALL', KEYS[2] .. id)
  if #fields > 0 then
    found[#found + 1] = table.concat(fields, '\31')
    found[#found + 1] = '\31\30'
  end
end
local text = table.concat(found)
if keep_ms > 0 then redis.call('SET', KEYS[3], text, 'PX', keep_ms) end
return text
