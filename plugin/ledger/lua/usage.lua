-- The sums of accounts. KEYS: accounts. Returns {granted, charged, octets0, octets1, packets0,
-- packets1} of each, nil where there is none.
local found = {}
for i, key in ipairs(KEYS) do
  found[i] = redis.call('HMGET', key, 'g', 'c', 'o0', 'o1', 'p0', 'p1')
end
return found
