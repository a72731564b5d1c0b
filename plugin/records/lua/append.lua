-- Appends usage records to the stream for billing.
-- KEYS  1 the stream   ARGV  1 about how many it keeps   then an id and a record for each
for i = 2, #ARGV, 2 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'id', ARGV[i], 'record', ARGV[i + 1])
end
return (#ARGV - 1) / 2
