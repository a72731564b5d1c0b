-- Takes what a relay tells of itself.
-- KEYS  1 sorted set of all relays: when they were heard of   2 the relay's hash   3 who has claimed its id
-- ARGV  1 time to live, ms   2 relay id   3 after how long a relay is forgotten, ms   4 what it claimed
--       its id with; from here on the hash says whose it is
--       then fields and values, none of them to leave the fleet
-- Returns the incarnation that told something of this relay before; "" when there was none.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('HGET', KEYS[2], 'incarnation') or ''
if redis.call('GET', KEYS[3]) == ARGV[4] then redis.call('DEL', KEYS[3]) end
redis.call('DEL', KEYS[2])
if #ARGV == 4 then
  redis.call('ZREM', KEYS[1], ARGV[2])
  return before
end
local fields = {}
for i = 5, #ARGV do fields[#fields + 1] = ARGV[i] end
redis.call('HSET', KEYS[2], unpack(fields))
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.0f', now_ms), ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now_ms - ARGV[3]))
return before
