-- Takes the reports of one incarnation of a relay, or its last ones, and grants. The rules are those
-- of broker/ledger.h (settle_report, end_share); all is read and checked before anything is written,
-- since a script that fails half way is not undone.
--
-- KEYS  1 witness of the shard: who wrote here, and until when it learns
--       2 set of the relay's open incarnations   3 sorted set of its ended ones
--       4 set of the accounts and the places (places.lua) that this incarnation has a share of
--       5 set of all accounts of the shard       6.. an account for each report
-- ARGV  1 run id of this server   2 validity time, ms   3 relay:incarnation
--       4 "report", "end", or "write off": an end that charges all that was granted
--       5 ended incarnations kept, then nine for each report:
--       limit charged granted wanted octets0 octets1 packets0 packets1 sequence
-- Returns {ms it still learns, epoch, then nine for each report:
--       granted remaining others' charged octets0 octets1 packets0 packets1 granted, holders}
-- and of an end {ms it still learns, epoch, 1 if it is to be called again, for shares that are left}.
local sums_fields = {'g', 'c', 'o0', 'o1', 'p0', 'p1'}
local share_field = 's:' .. ARGV[3]
local is_written_off = ARGV[4] == 'write off'
local report_ends = is_written_off or ARGV[4] == 'end'
-- Shares without a last report, whose end is no part of one call, so that none holds the server for long.
local ends_at_once = 512

local function read_share(text)
  if not text then return {g = 0, c = 0, o0 = 0, o1 = 0, p0 = 0, p1 = 0, n = 0}, false end
  local g, c, o0, o1, p0, p1, n =
    string.match(text, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  if not g then error('DAMAGED share of ' .. ARGV[3]) end
  return {g = amount(g), c = amount(c), o0 = amount(o0), o1 = amount(o1), p0 = amount(p0),
          p1 = amount(p1), n = amount(n)}, true
end

local function share_text(share)
  return string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f', share.g, share.c, share.o0, share.o1,
                       share.p0, share.p1, share.n)
end

-- One that has told of nothing, and is granted nothing, leaves no trace: most relays know of most
-- accounts only from their configuration.
local function is_nothing(account, share)
  if account.had_share then return false end
  for _, name in ipairs(sums_fields) do
    if share[name] ~= 0 then return false end
  end
  return true
end

-- When the accounts of a period, and ended incarnations, are forgotten: relays that were away for as long may
-- still have settled.
local ended_kept_s = 100 * 86400
-- A client's in a period of a month; anybody may make names up, and many.
local client_kept_s = 40 * 86400

local function begin_account(key)
  redis.call('SADD', KEYS[5], key)
  local period, client = string.match(key, ':account:[^:]*:[^:]*:([^:]*):(.*)$')
  if period ~= '0' then
    redis.call('EXPIRE', key, client == '' and ended_kept_s or client_kept_s)
  end
  -- Those that were forgotten leave the set little by little.
  for _, other in ipairs(redis.call('SRANDMEMBER', KEYS[5], 4)) do
    if redis.call('EXISTS', other) == 0 then redis.call('SREM', KEYS[5], other) end
  end
end

local accounts, order = {}, {}
local function account_of(key)
  if accounts[key] then return accounts[key] end
  local stored = redis.call('HMGET', key, 'g', 'c', 'o0', 'o1', 'p0', 'p1', 'h', share_field)
  local account = {sums = {}, is_new = not stored[1], holders = amount(stored[7] or '0')}
  for i, name in ipairs(sums_fields) do account.sums[name] = amount(stored[i] or '0') end
  account.share, account.had_share = read_share(stored[8])
  for _, name in ipairs(sums_fields) do
    if account.share[name] > account.sums[name] then error('DAMAGED sums of ' .. key) end
  end
  accounts[key] = account
  order[#order + 1] = key
  return account
end

local function others_of(account)
  local others = {}
  for _, name in ipairs(sums_fields) do others[name] = account.sums[name] - account.share[name] end
  others.h = account.holders
  if account.share.g > account.share.c then others.h = others.h - 1 end
  return others
end

local function store(account, share, others)
  for _, name in ipairs(sums_fields) do
    account.sums[name] = others[name] + share[name]
    if account.sums[name] > amount_max then error('TOOMUCH the totals would exceed 2^53-1') end
  end
  account.holders = others.h
  if share.g > share.c then account.holders = account.holders + 1 end
  account.share = share
  account.changed = true
end

local function decide(limit, charged, granted, wanted, others_granted)
  local kept = math.max(granted, charged)
  local allowed = math.max(limit - others_granted, 0)
  if kept > allowed then return math.max(charged, allowed) end
  return kept + math.min(wanted, allowed - kept)
end

local witness = witness_of(KEYS[1], ARGV[1], ARGV[2])
local answer = {witness.learning_ms, witness.epoch}

local function settle(key, at)
  local report = {}
  local names = {'limit', 'c', 'g', 'wanted', 'o0', 'o1', 'p0', 'p1', 'n'}
  for i, name in ipairs(names) do report[name] = amount(ARGV[at + i - 1]) end
  if witness.learning_ms > 0 then report.wanted = 0 end
  local account = account_of(key)
  local others = others_of(account)
  local granted
  if report.n ~= 0 and report.n <= account.share.n then
    granted = account.share.g
  else
    local share = {n = account.share.n}
    for _, name in ipairs(sums_fields) do
      share[name] = report[name]
      if report.n == 0 then share[name] = math.max(report[name], account.share[name]) end
    end
    if report.n ~= 0 then share.n = report.n end
    granted = decide(report.limit, share.c, report.g, report.wanted, others.g)
    share.g = math.max(granted, report.g, share.c)
    if not is_nothing(account, share) then store(account, share, others) end
  end
  local remaining = math.max(math.max(report.limit - others.g, 0) - account.share.g, 0)
  for _, value in ipairs({granted, remaining, others.c, others.o0, others.o1, others.p0,
                          others.p1, others.g, others.h}) do
    answer[#answer + 1] = value
  end
end

local has_ended = redis.call('ZSCORE', KEYS[3], ARGV[3])
if has_ended and not report_ends then error('ENDED incarnation ' .. ARGV[3] .. ' has ended') end
if not has_ended then
  for i = 6, #KEYS do settle(KEYS[i], 6 + (i - 6) * 9) end
end
local places, done = {}, {}
if report_ends then
  -- What it was granted and did not use goes back, also of accounts without a last report.
  for _, key in ipairs(order) do done[#done + 1] = key end
  for _, key in ipairs(redis.call('SRANDMEMBER', KEYS[4], ends_at_once)) do
    done[#done + 1] = key
    if string.match(key, '^[^}]*}:places:') then
      places[#places + 1] = places_without(key, ARGV[3])
    else
      account_of(key)
    end
  end
  for _, key in ipairs(order) do
    local account = accounts[key]
    local others = others_of(account)
    local share = account.share
    if account.had_share or account.changed then
      local last = {n = 0}
      for _, name in ipairs(sums_fields) do last[name] = share[name] end
      if is_written_off then last.c = math.max(share.c, share.g) end
      last.g = last.c
      store(account, last, others)
    end
  end
end

write_witness(witness)
if not report_ends then redis.call('SADD', KEYS[2], ARGV[3]) end
for _, key in ipairs(order) do
  local account = accounts[key]
  if account.changed then
    local fields = {'h', text_of(account.holders)}
    for _, name in ipairs(sums_fields) do
      fields[#fields + 1] = name
      fields[#fields + 1] = text_of(account.sums[name])
    end
    if not report_ends then
      fields[#fields + 1] = share_field
      fields[#fields + 1] = share_text(account.share)
    end
    redis.call('HSET', key, unpack(fields))
    if report_ends then redis.call('HDEL', key, share_field) end
    if account.is_new then begin_account(key) end
    if not report_ends and not account.had_share then redis.call('SADD', KEYS[4], key) end
  end
end
for _, rest in ipairs(places) do write_places(rest) end
if not report_ends then return answer end
if #done > 0 then redis.call('SREM', KEYS[4], unpack(done)) end
-- It takes no report from now on; it is open, for who looks for lives to end, until no share is left.
if not has_ended then
  local newest = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  redis.call('ZADD', KEYS[3], text_of(amount(newest[2] or '0') + 1), ARGV[3])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - amount(ARGV[5]))
  -- No report is as late as that; ids that are used once would stay for ever.
  redis.call('EXPIRE', KEYS[3], ended_kept_s)
end
local is_left = redis.call('SCARD', KEYS[4]) > 0
if not is_left then redis.call('SREM', KEYS[2], ARGV[3]) end
return {witness.learning_ms, witness.epoch, is_left and 1 or 0}
