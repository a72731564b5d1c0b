-- One account as it is stored, and what is known of the incarnations that have shares of it. Changes
-- nothing, and takes whatever it finds.
-- KEYS  1 an account   2 set of all accounts of its shard
-- ARGV  1 what the shard's other keys begin with
-- Returns {1 when it is listed, its fields and values, then of each share {relay:incarnation,
-- "open", "ended" or "unknown", 1 when it is listed}, errors}.
local errors = {}
local function ask(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  errors[#errors + 1] = answer.err
  return nil
end

local listed = ask('SISMEMBER', KEYS[2], KEYS[1]) or 1
local fields = ask('HGETALL', KEYS[1]) or {}
local shares = {}
for i = 1, #fields, 2 do
  local who = string.match(fields[i], '^s:(.+)$')
  local relay = who and string.match(who, '^(.+):%x+$')
  if relay then
    local state = 'unknown'
    -- One that has just ended is open until all of its shares have.
    if ask('SISMEMBER', ARGV[1] .. 'open:' .. relay, who) == 1 then
      state = 'open'
    elseif ask('ZSCORE', ARGV[1] .. 'ended:' .. relay, who) then
      state = 'ended'
    end
    shares[#shares + 1] = {who, state, ask('SISMEMBER', ARGV[1] .. 'shares:' .. who, KEYS[1]) or 1}
  end
end
return {listed, fields, shares, errors}
