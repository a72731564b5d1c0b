-- Takes back what relays that are gone were granted and have not reported as used (lost_grant = "refund").
-- When one of them returns, its own totals count again, whatever that comes to.
-- KEYS  1 an account   ARGV  ids of relays that are gone
local gone = {}
for _, id in ipairs(ARGV) do gone[id] = true end
local fields = redis.call('HGETALL', KEYS[1])
local sums, changes, freed, holders = {}, {}, 0, 0
for i = 1, #fields, 2 do
  sums[fields[i]] = fields[i + 1]
  local relay = string.match(fields[i], '^s:(.+):%x+$')
  local granted, charged, rest = string.match(fields[i + 1], '^(%d+) (%d+) (.+)$')
  if relay and gone[relay] and granted and tonumber(granted) > tonumber(charged) then
    changes[#changes + 1] = fields[i]
    changes[#changes + 1] = charged .. ' ' .. charged .. ' ' .. rest
    freed = freed + tonumber(granted) - tonumber(charged)
    holders = holders + 1
  end
end
if #changes == 0 then return 0 end
redis.call('HSET', KEYS[1], 'g', string.format('%.0f', tonumber(sums.g) - freed),
           'h', string.format('%.0f', tonumber(sums.h) - holders), unpack(changes))
return freed
