-- How records are packed: fixed widths, most significant byte first, so that no number becomes text.

-- state, attend, weight, group, lane, score, per second, arrival, fence, deadline, present until, since, nonce, ending,
-- node, identity
local TICKET = '>Bc0c4I4I7I7ddI7I7I7I7I7I7Bc0Bc0I2c0'
-- version, arrival, fence, held, waiting, offered, replenished at, drawn, soonest, override + 1, pace, pace samples,
-- moved at, virtual time, period, lanes, last group, groups, listed, resting, holders, offers, waiters, spent, floor,
-- furthest, expires at, whether nodes are agreed, revision, low, its end, whether there is a high, high, its end,
-- strategy, switch, its end, its reason
local META = '>BI7I7I7I7I7I7I7I7I5dBI7dI4I7I7I7I7I7I7I7I7I7I7I7I7BI7I4I7BI4I7Bc0Bc0I7BI4c0'
local LAYOUT = 1

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

local function parse_meta(bytes)
  -- One table made as it shall be is cheaper than one that is filled.
  local _, arrival, fence, held, waiting, offered, replenished_at, drawn, soonest, override, pace, pace_samples,
    moved_at, virtual_time, period, lanes, last_group, groups, listed, resting, holders, offers, waiters, spent, lowest,
    furthest, expires_at, is_agreed, revision, low, low_until, has_high, high, high_until, pick, state, ends_at,
    has_reason, because = parse(META, bytes)
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
  return pack(
    META, LAYOUT, m.arrival, m.fence, m.held, m.waiting, m.offered, m.replenished_at, m.drawn, m.soonest, override,
    m.pace, m.pace_samples, m.moved_at, m.virtual_time, m.period, m.lanes, m.last_group, m.groups, m.listed,
    m.resting, m.holders, m.offers, m.waiters, m.spent, m.floor, m.furthest, m.expires_at, m.agreed and 1 or 0,
    m.revision, m.low, m.low_until, m.high and 1 or 0, m.high or 0, m.high_until, #m.pick, m.pick, #state, state,
    ends_at, has_reason, #because, because
  )
end

local function parse_ticket(bytes)
  local state, attend, weight, group, lane, score, per_second, arrival, fence, deadline, present_until, since, nonce,
    ending, node, identity = parse(TICKET, bytes)
  local ticket = {
    state = state, attend = attend, weight = weight, group = group, lane = lane, score = score,
    per_second = per_second, arrival = arrival, fence = fence, deadline = deadline, present_until = present_until,
    since = since, nonce = nonce, ending = ending,
  }
  return ticket, node, identity
end

local function packed_ticket(t, node, identity)
  return pack(
    TICKET, #t.state, t.state, t.attend, t.weight, t.group, t.lane, t.score, t.per_second, t.arrival, t.fence,
    t.deadline, t.present_until, t.since, t.nonce, #t.ending, t.ending, #node, node, #identity, identity
  )
end

local function due_member(id, ticket)
  return pack('>c1I7I7c0', ticket.state, ticket.deadline, ticket.arrival, id)
end

local function inside_member(id, ticket)
  return pack('>c1I7c0', 'i', ticket.fence, id)
end

-- When nothing will be left to know of this gate.
local function lasts_until()
  local switch = meta.switch
  if meta.override or switch and switch.ends_at >= NEVER then return NEVER end
  -- Somebody may have asked for longer than is usual here.
  local ends_at = max(now + spec.keep, meta.furthest + spec.keep / 2, meta.replenished_at)
  return min(switch and max(ends_at, switch.ends_at) or ends_at, NEVER - 1)
end

-- Which keys need an end, from which on: both, or the sorted set alone where it has just been made; and notes when that
-- is, unless it is known to be at about that time.
local function renewed(has_new_index)
  local wanted, known = floor(lasts_until()), meta.expires_at
  -- How much sooner it may be, so that it need not be put off with every command.
  local slack = spec.keep / 4
  -- Later than it should, it is: a switch was cleared, a gate is empty, or the clock went back.
  local right = known > 0 and (wanted >= NEVER) == (known >= NEVER) and abs(wanted - known) <= slack
  if right then return has_new_index and 2 end
  meta.expires_at = wanted
  return 1
end

-- Gives them that end.
local function expire(first)
  local left = floor((meta.expires_at - now) / 1000) + 1
  for i = first, 2 do
    if meta.expires_at >= NEVER then call('PERSIST', KEYS[i]) else call('PEXPIRE', KEYS[i], left) end
  end
end
