-- Sets what holds for a whole airlock, unless somebody else has changed it meanwhile.
--
-- KEYS[1]  where it is
-- ARGV[1]  what was there when it was read; empty when nothing was
-- ARGV[2]  what is to be there; empty for nothing
-- ARGV[3]  for how many milliseconds; 0 for ever
--
-- Answers 1, or 0 if it has to be read again.

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
