-- Takes what one incarnation of a relay tells of its allocation places, and grants. The rules are those
-- of broker/places.h (settle_places); all is read and checked before anything is written, since a
-- script that fails half way is not undone.
--
-- KEYS  1 witness of the shard   2 set of the relay's open incarnations
--       3 sorted set of its ended ones   4 set of what this incarnation has a share of
--       5.. places for each report, none twice
-- ARGV  1 run id of this server   2 validity time, ms   3 relay:incarnation
--       4 holders to be told at most, then six for each report:
--       limit kept wanted sequence, 1 to be told of holders or 0,
--       others that are gone: "relay:incarnation sequence ..."
-- Returns {ms it still learns, epoch, then four for each report:
--       held, others' held, how many they are, those with places: "relay:incarnation sequence ..."}
local own_field = 's:' .. ARGV[3]
if redis.call('ZSCORE', KEYS[3], ARGV[3]) then
  error('ENDED incarnation ' .. ARGV[3] .. ' has ended')
end
local witness = witness_of(KEYS[1], ARGV[1], ARGV[2])
local answer = {witness.learning_ms, witness.epoch}

local function drop_gone(places, gone)
  for name, sequence in string.gmatch(gone, '(%S+) (%d+)') do
    local text = redis.call('HGET', places.key, 's:' .. name)
    local share, known = share_of_places(text)
    if known and name ~= ARGV[3] and share.n == amount(sequence) then
      drop_share(places, name, share)
    end
  end
end

local function holders_text(places)
  local found = {}
  local fields = redis.call('HGETALL', places.key)
  for i = 1, #fields, 2 do
    local name = string.match(fields[i], '^s:(.+)$')
    if name and name ~= ARGV[3] and #found < amount(ARGV[4]) then
      local share = share_of_places(fields[i + 1])
      local is_gone = false
      for _, field in ipairs(places.dropped) do is_gone = is_gone or field == fields[i] end
      if share.held > 0 and not is_gone then found[#found + 1] = name .. ' ' .. text_of(share.n) end
    end
  end
  return table.concat(found, ' ')
end

local changed = {}
local function settle(key, at)
  local limit, kept = amount(ARGV[at]), amount(ARGV[at + 1])
  local wanted, sequence = amount(ARGV[at + 2]), amount(ARGV[at + 3])
  if witness.learning_ms > 0 then wanted = 0 end
  local places = places_of(key, ARGV[3])
  local share = places.share
  local is_new = sequence > share.n
  if is_new then drop_gone(places, ARGV[at + 5]) end
  local others = places.held - share.held
  local holders = places.holders
  if share.held > 0 then holders = holders - 1 end
  if is_new then
    local left = math.max(math.max(limit - others, 0) - kept, 0)
    share = {held = kept + math.min(wanted, left), n = sequence}
    places.share = share
    places.held = others + share.held
    places.holders = holders
    if share.held > 0 then places.holders = holders + 1 end
    if places.held > amount_max then error('TOOMUCH the places would exceed 2^53-1') end
    changed[#changed + 1] = places
  end
  answer[#answer + 1] = share.held
  answer[#answer + 1] = others
  answer[#answer + 1] = holders
  answer[#answer + 1] = ARGV[at + 4] == '1' and holders_text(places) or ''
end

for i = 5, #KEYS do settle(KEYS[i], 5 + (i - 5) * 6) end

write_witness(witness)
for _, places in ipairs(changed) do
  write_places(places, own_field, text_of(places.share.held) .. ' ' .. text_of(places.share.n))
  if not places.had_share then
    redis.call('SADD', KEYS[2], ARGV[3])
    redis.call('SADD', KEYS[4], places.key)
  end
end
return answer
