-- The relays that were heard of once, but not lately.
-- KEYS  1 sorted set of all relays   ARGV  1 for how long, ms   2 how many at most
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now_ms - ARGV[1]),
                  'LIMIT', 0, ARGV[2])
