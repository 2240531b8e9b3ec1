-- What is asked, and what the gate knows of those who ask.

-- In microseconds, and once: all commands of a call happen at the same time.
local time = redis.call('TIME')
now = time[1] * 1000000 + time[2]

do
  local h = cmsgpack.unpack(ARGV[1])
  if h[1] ~= LAYOUT then
    return redis.error_reply('AIRLOCK the script is for another layout than ' .. tostring(h[1]))
  end
  spec = {
    prefix = h[2], name = h[3], record = h[4], keep = h[5], limit = h[6], interval = h[7], burst = h[8],
    leased = h[9], ttl = h[10], max_hold = h[11], pick = h[12], capacity = h[13], group_capacity = h[14],
    presence = h[15], claim_window = h[16], requeue = h[17], share = h[18], refresh_after = h[19],
    step_bound = h[20], switch = { state = h[21], ends_at = h[22], because = h[23] }, unwell_until = h[24],
    revision = h[25], node_presence = h[26], confirmation = h[27], plain = h[28],
  }
end

local commands, fields = {}, { 'm' }
for i = 3, #ARGV do
  local c = cmsgpack.unpack(ARGV[i])
  commands[i - 2] = c
  if c[4] then fields[#fields + 1] = 't' .. c[4] end
  if c[5] then fields[#fields + 1] = 'i' .. c[5] end
end
local found = call('HMGET', KEYS[1], unpack(fields))
if found[1] then
  local version = parse('B', found[1])
  if version ~= LAYOUT then
    return redis.error_reply('AIRLOCK the script is for another layout than the gate has, ' .. tostring(version))
  end
  meta = parse_meta(found[1])
else
  meta = new_meta()
end
