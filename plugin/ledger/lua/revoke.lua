-- Keeps a revocation, and drops those whose time is over.
-- KEYS  1 hash of what is revoked: since when   2 sorted set of the same: until when it is kept
-- ARGV  1 what   2 revoked at, Unix time   3 forget after   4 how many are kept at most
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, 1000)
local since = redis.call('HGET', KEYS[1], ARGV[1])
for _, what in ipairs(over) do
  redis.call('ZREM', KEYS[2], what)
  redis.call('HDEL', KEYS[1], what)
  if what == ARGV[1] then since = false end
end
local known = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not known and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then
  error('TOOMANY revocations')
end
if not since or tonumber(since) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('ZADD', KEYS[2], 'GT', ARGV[3], ARGV[1])
return 1
