-- For what takes no short cut: all that is asked of the gate, and all that it knows of itself.

-- What one step works on, and what it can do. Most calls need little of it, and making a closure takes as long as using
-- it: so each file is a part, made when a name is missed that no part made so far has.
local step, ledger = {}, {}
local parts, ledger_parts = {}, {}

local meta
local spec
do
  local h = cmsgpack.unpack(sub(ARGV[1], behind))
  spec = {
    keep = keep, limit = limit, ttl = ttl, max_hold = max_hold, share = shares == 1, pick = pick,
    revision = is_shared == 1 and revision, unwell_until = unwell_until, prefix = h[1], name = h[2], interval = h[3],
    burst = h[4], leased = h[5], capacity = h[6], group_capacity = h[7], presence = h[8], claim_window = h[9],
    requeue = h[10], refresh_after = h[11], step_bound = h[12],
    switch = { state = h[13], ends_at = h[14], because = h[15] }, node_presence = h[16], confirmation = h[17],
    is_forced = h[18],
  }
end
-- Which fields were looked up; anew, where those before have changed what was there.
fields = { 'm' }
for i = done + 3, #ARGV do
  local _, id, identity = parse(WHO, ARGV[i])
  if id ~= '' then fields[#fields + 1] = 't' .. id end
  if identity ~= '' then fields[#fields + 1] = 'i' .. identity end
end
if done > 0 then found = call('HMGET', KEYS[1], unpack(fields)) end
meta = found[1] and parse_meta(found[1]) or new_meta()
