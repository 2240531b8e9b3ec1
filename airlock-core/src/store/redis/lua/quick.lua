-- Short cuts: a newcomer for whom there is room or none, the release of a lease, and its renewal, one in a call, where
-- nobody waits and nothing is due. That is most of what a service asks, and takes as long by the way of all
-- others as making that way. The tests run both. Everything else answers nothing, and nothing is changed.

-- Whether the nodes are of one mind, and then, that this one has asked again (G18).
local function agree_quickly()
  if not spec.revision then return true end
  if meta.agreed and (meta.revision ~= spec.revision or meta.low ~= spec.limit or meta.high) then return false end
  meta.agreed, meta.revision, meta.low, meta.low_until = true, spec.revision, spec.limit, min(now + spec.ttl, NEVER)
  meta.pick = spec.pick
  return true
end

-- Writes the gate's own record, and what else there is, and answers.
local function answer_quickly(outcome, effect, has_new_index, ...)
  local next_at = meta.soonest < NEVER and meta.soonest
  local idle = meta.holders + meta.spent == 0 and not meta.override
  if idle then
    meta = rested(meta)
  end
  local first = renewed(has_new_index)
  call('HSET', KEYS[1], 'm', packed_meta(meta), ...)
  if first then expire(first) end
  local effects = effect and spec.record ~= 'nothing' and { effect } or {}
  return cmsgpack.pack({ now, { { outcome, false, next_at, effects, idle, true } } })
end

-- An identity, for whoever wants to hear of it.
local function told_of(identity)
  return spec.record == 'names' and identity
end

local function enter_quickly(c)
  local id, identity, weight = c[4], c[5], c[9]
  local limit = meta.override or spec.limit
  local has_room = meta.held + weight <= limit
  if weight > limit or meta.holders > 0 and meta.floor == 0 then return nil end
  if not has_room and (c[14] ~= 'no' or meta.holders == 0) then return nil end
  if not agree_quickly() then return nil end
  if not has_room then return answer_quickly({ 'refused', 'full', false, false }) end
  local arrival, fence = max(now, meta.arrival + 1), max(now, meta.fence + 1)
  local deadline = min(now + spec.ttl, now + spec.max_hold, NEVER)
  local is_new = meta.holders + meta.spent == 0
  if meta.holders == 0 then meta.floor = fence end
  meta.arrival, meta.fence, meta.held, meta.holders = arrival, fence, meta.held + weight, meta.holders + 1
  meta.soonest, meta.furthest = min(meta.soonest, deadline), max(meta.furthest, deadline)
  call(
    'ZADD', KEYS[2], '0', pack('>c1I7I7c0', 'h', deadline, arrival, id), '0', pack('>c1I7c0', 'i', fence, id)
  )
  local record = pack(
    TICKET, 7, 'holding', 'away', weight, 0, 0, c[10], c[11], arrival, fence, deadline, 0, now, 0, 8, 'released', 0, '',
    identity and #identity or 0, identity or ''
  )
  local shared = identity and spec.share or false
  local outcome = { 'admitted', { fence, meta.floor, deadline, shared, max(now - arrival, 0), true } }
  local effect = { 'admitted', id, false, told_of(identity), fence, arrival, now, false, false }
  if identity then return answer_quickly(outcome, effect, is_new, 't' .. id, record, 'i' .. identity, id) end
  return answer_quickly(outcome, effect, is_new, 't' .. id, record)
end

local function release_quickly(id, ticket, node, identity)
  if not agree_quickly() then return nil end
  meta.held, meta.holders = meta.held - ticket.weight, meta.holders - 1
  if meta.floor == ticket.fence then meta.floor = 0 end
  call('ZREM', KEYS[2], due_member(id, ticket), inside_member(id, ticket))
  if identity then call('HDEL', KEYS[1], 't' .. id, 'i' .. identity) else call('HDEL', KEYS[1], 't' .. id) end
  local effect = {
    'ended', id, node ~= '' and node, told_of(identity), ticket.fence, ticket.arrival, ticket.since, false, 'released',
  }
  return answer_quickly({ 'released' }, effect, false)
end

local function renew_quickly(id, ticket, node, identity, ttl)
  if not agree_quickly() then return nil end
  local longest = min(ticket.since + spec.max_hold, NEVER)
  local deadline = max(min(now + (ttl or spec.ttl), NEVER - 1, longest), ticket.deadline)
  local outcome = { 'renewed', deadline }
  if deadline == ticket.deadline then return answer_quickly(outcome, nil, false) end
  local old = due_member(id, ticket)
  ticket.deadline = deadline
  meta.furthest = max(meta.furthest, deadline)
  call('ZADD', KEYS[2], '0', due_member(id, ticket))
  call('ZREM', KEYS[2], old)
  return answer_quickly(outcome, nil, false, 't' .. id, packed_ticket(ticket, node, identity))
end

-- Nobody waits, nothing is due, and nothing but the limit matters.
if
  #commands == 1 and spec.plain and not meta.switch and spec.switch.state == 'open' and spec.unwell_until <= now
  and meta.soonest > now and meta.waiting + meta.offered + meta.groups + meta.replenished_at == 0
then
  local c, answer = commands[1], nil
  if c[1] == 'enter' then
    -- Neither the token nor the identity is known.
    if not found[2] and not found[3] then answer = enter_quickly(c) end
  elseif c[4] and found[2] and (c[1] == 'give-up' and not c[7] or c[1] == 'renew') then
    local ticket, node, identity = parse_ticket(found[2])
    if ticket.state == 'holding' and ticket.deadline > now and ticket.deadline < NEVER then
      if c[1] == 'renew' then
        answer = renew_quickly(c[4], ticket, node, identity, c[7])
      elseif ticket.group == 0 then
        answer = release_quickly(c[4], ticket, node, identity ~= '' and identity)
      end
    end
  end
  if answer then return answer end
end

