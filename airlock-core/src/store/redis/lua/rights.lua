-- Tries what the script and the store do, on a gate that nobody has and a channel that nobody listens to, and leaves
-- nothing there.
--
-- KEYS[1], KEYS[2]  keys of that gate
-- ARGV[1]           that channel
--
-- Answers the first command for which the user lacks the right, or nothing. Whatever else keeps a command from being
-- carried out is for calls to find out.

local tried = {
  { 'TIME' }, { 'PUBLISH', ARGV[1], '' },
  { 'HSET', KEYS[1], 'm', '' }, { 'HGET', KEYS[1], 'm' }, { 'HMGET', KEYS[1], 'm' }, { 'HDEL', KEYS[1], 'm' },
  { 'ZADD', KEYS[2], '0', 'm' }, { 'ZRANGE', KEYS[2], '0', '0' }, { 'ZRANGEBYLEX', KEYS[2], '-', '+' },
  { 'ZLEXCOUNT', KEYS[2], '-', '+' }, { 'PEXPIRE', KEYS[2], '1000' }, { 'PERSIST', KEYS[2] }, { 'ZREM', KEYS[2], 'm' },
  { 'ZREMRANGEBYSCORE', KEYS[2], '0', '0' }, { 'SET', KEYS[1], '', 'PX', '1000' }, { 'GET', KEYS[1] },
  { 'DEL', KEYS[1], KEYS[2] },
}

local function lacks_right(answer)
  local problem = type(answer) == 'table' and answer.err
  if not problem then return false end
  -- As Redis says it, and Valkey.
  return string.find(problem, 'The user executing the script', 1, true)
    or string.find(problem, 'ACL failure in script', 1, true)
end

for i = 1, #tried do
  if lacks_right(redis.pcall(unpack(tried[i]))) then
    redis.pcall('DEL', KEYS[1], KEYS[2])
    return tried[i][1]
  end
end
return false
