-- What is asked, and what is stored of those who ask.

-- In microseconds, and once: all commands of a call happen at the same time.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- What every call needs of the first argument; the rest is a MessagePack array behind it, see spec.lua. layout,
-- whether nothing but the limit matters to a newcomer when nobody waits, what is told (nothing, changes, names), for
-- how long a gate is kept, limit, lease, longest lease, whether sessions are shared, whether the gate is shared by
-- nodes, revision, until when the guarded system is unwell, strategy
local layout, is_plain, telling, keep, limit, ttl, max_hold, shares, is_shared, revision, unwell_until, pick, behind =
  parse('>BBBI7I4I7I7BBI7I7Bc0', ARGV[1])
if layout ~= LAYOUT then
  return redis.error_reply('AIRLOCK the script is for another layout than ' .. layout)
end

-- What is stored of those whom the commands name, behind the gate's own record; and, where there are several commands, what
-- was read of them on the way.
local found, fields, verbs, ids, identities, owns_at
do
  local verb, id, identity, own_at = parse(WHO, ARGV[3])
  if #ARGV == 3 and id ~= '' and identity == '' then
    found = call('HMGET', KEYS[1], 'm', 't' .. id)
  else
    fields, verbs, ids, identities, owns_at = { 'm' }, {}, {}, {}, {}
    for i = 3, #ARGV do
      verb, id, identity, own_at = parse(WHO, ARGV[i])
      verbs[i - 2], ids[i - 2], identities[i - 2], owns_at[i - 2] = verb, id, identity, own_at
      if id ~= '' then fields[#fields + 1] = 't' .. id end
      if identity ~= '' then fields[#fields + 1] = 'i' .. identity end
    end
    found = call('HMGET', KEYS[1], unpack(fields))
  end
end
if found[1] and parse('B', found[1]) ~= LAYOUT then
  return redis.error_reply(
    'AIRLOCK the script is for another layout than the gate has, ' .. parse('B', found[1])
  )
end
