-- Records as tables (formats in record.lua).

-- What stands behind a record, where nothing does: all of it is zero.
local AS_NEW = string.rep('\0', 131)

local function new_meta()
  return {
    arrival = 0, fence = 0, held = 0, waiting = 0, offered = 0, replenished_at = 0, drawn = 0, soonest = NEVER,
    override = false, pace = 0, pace_samples = 0, moved_at = 0, virtual_time = 0, period = 0, lanes = 0,
    last_group = 0, groups = 0, listed = 0, resting = 0, holders = 0, offers = 0, waiters = 0, spent = 0, floor = 0,
    furthest = 0, expires_at = 0, agreed = false, revision = 0, low = 0, low_until = 0, high = false, high_until = 0,
    pick = '', switch = false,
  }
end

-- What is left of a gate with nothing in it: its last numbers, and what the nodes are agreed on (G2, G18).
local function rested(old)
  local m = new_meta()
  m.arrival, m.fence, m.expires_at = old.arrival, old.fence, old.expires_at
  m.agreed, m.revision, m.low, m.low_until = old.agreed, old.revision, old.low, old.low_until
  m.high, m.high_until, m.pick = old.high, old.high_until, old.pick
  return m
end

local STATES = { w = 'waiting', o = 'offered', h = 'holding', s = 'spent' }
local DUE = { holding = HOLDS, offered = 152, spent = 184, waiting = 216 }

local function parse_meta(bytes)
  -- One table made as it shall be is cheaper than one that is filled.
  local _, _, arrival, fence, held, holders, spent, soonest, furthest, lowest, expires_at, override, is_agreed, revision,
    low, low_until, pick, rest_at = parse(OWN, bytes)
  local rest = rest_at <= #bytes and sub(bytes, rest_at) or AS_NEW
  local waiting, offered, replenished_at, drawn, pace, pace_samples, moved_at, virtual_time, period, lanes, last_group,
    groups, listed, resting, offers, waiters, has_high, high, high_until, state, ends_at, has_reason, because =
    parse(REST, rest)
  return {
    arrival = arrival, fence = fence, held = held, waiting = waiting, offered = offered,
    replenished_at = replenished_at, drawn = drawn, soonest = soonest, override = override > 0 and override - 1,
    pace = pace, pace_samples = pace_samples, moved_at = moved_at, virtual_time = virtual_time, period = period,
    lanes = lanes, last_group = last_group, groups = groups, listed = listed, resting = resting, holders = holders,
    offers = offers, waiters = waiters, spent = spent, floor = lowest, furthest = furthest, expires_at = expires_at,
    agreed = is_agreed == 1, revision = revision, low = low, low_until = low_until, high = has_high == 1 and high,
    high_until = high_until, pick = pick,
    switch = state ~= '' and { state = state, ends_at = ends_at, because = has_reason == 1 and because },
  }
end

local function packed_meta(m)
  local override = m.override and m.override + 1 or 0
  local state, ends_at, has_reason, because = '', 0, 0, ''
  if m.switch then
    state, ends_at = m.switch.state, m.switch.ends_at
    if m.switch.because then has_reason, because = 1, m.switch.because end
  end
  local is_calm = not m.switch and not m.high and m.waiting + m.offered + m.groups + m.replenished_at == 0
  local own = pack(
    OWN, LAYOUT, is_calm and 1 or 0, m.arrival, m.fence, m.held, m.holders, m.spent, m.soonest, m.furthest, m.floor,
    m.expires_at, override, m.agreed and 1 or 0, m.revision, m.low, m.low_until, #m.pick, m.pick
  )
  local rest = pack(
    REST, m.waiting, m.offered, m.replenished_at, m.drawn, m.pace, m.pace_samples, m.moved_at, m.virtual_time, m.period,
    m.lanes, m.last_group, m.groups, m.listed, m.resting, m.offers, m.waiters, m.high and 1 or 0, m.high or 0,
    m.high_until, #state, state, ends_at, has_reason, #because, because
  )
  return rest == AS_NEW and own or own .. rest
end

local function parse_ticket(bytes)
  local letter, flags, arrival, lasts, at = parse(TICKET, bytes)
  local attend = STATES[letter] and 'away' or 'here'
  local state = STATES[string.lower(letter)]
  local t = {
    state = state, attend = attend, weight = 1, group = 0, lane = 0, score = 0, per_second = 0, arrival = arrival,
    fence = 0, deadline = arrival + lasts, present_until = 0, since = 0, nonce = 0, ending = 'released',
  }
  local node = ''
  local has = bit.band
  if has(flags, 128) > 0 then t.fence, t.since, at = parse('>I7I7', bytes, at) end
  if has(flags, 1) > 0 then t.weight, at = parse('>I4', bytes, at) end
  if has(flags, 2) > 0 then t.score, t.per_second, at = parse('>dd', bytes, at) end
  if has(flags, 4) > 0 then t.present_until, t.nonce, at = parse('>I7I7', bytes, at) end
  if has(flags, 8) > 0 then t.group, t.lane, at = parse('>I7I7', bytes, at) end
  if has(flags, 16) > 0 then t.ending, at = parse('>Bc0', bytes, at) end
  if has(flags, 32) > 0 then node, at = parse('>c16', bytes, at) end
  if has(flags, 64) > 0 then t.deadline, at = parse('>I7', bytes, at) end
  -- Who waits is present until its deadline.
  if state == 'waiting' then t.present_until = t.deadline end
  return t, node, sub(bytes, at)
end

local function packed_ticket(t, node, identity)
  local letter = sub(t.state, 1, 1)
  if t.attend == 'here' then letter = string.upper(letter) end
  local flags, more, lasts = 0, '', t.deadline - t.arrival
  if t.fence > 0 or t.since > 0 then flags, more = 128, pack('>I7I7', t.fence, t.since) end
  if t.weight ~= 1 then flags, more = flags + 1, more .. pack('>I4', t.weight) end
  if t.score ~= 0 or t.per_second ~= 0 then flags, more = flags + 2, more .. pack('>dd', t.score, t.per_second) end
  if t.state ~= 'waiting' and t.present_until > 0 or t.nonce > 0 then
    flags, more = flags + 4, more .. pack('>I7I7', t.present_until, t.nonce)
  end
  if t.group > 0 or t.lane > 0 then flags, more = flags + 8, more .. pack('>I7I7', t.group, t.lane) end
  if t.ending ~= 'released' then flags, more = flags + 16, more .. pack('>Bc0', #t.ending, t.ending) end
  if node ~= '' then flags, more = flags + 32, more .. node end
  if lasts < 0 or lasts >= FAR then flags, more, lasts = flags + 64, more .. pack('>I7', t.deadline), 0 end
  return pack(TICKET, letter, flags, t.arrival, lasts) .. more .. identity
end

local function due_member(id, ticket)
  local deadline = ticket.deadline
  return pack('>BI6I7c0', DUE[ticket.state] + floor(deadline / UPPER), deadline, ticket.arrival, id)
end

local function inside_member(id, ticket)
  return pack('>c1I7c0', 'i', ticket.fence, id)
end
