-- The table operations that a gate needs (gate/ledger.rs), over one hash and one sorted set.
--
-- What is read is kept for the call. Changed records are written at the end of it, and changed index entries before the
-- next look at an index, each in one command.

-- state, attend, weight, group, lane, score, per second, arrival, fence, deadline, present until, since, nonce, ending,
-- node, identity
local TICKET = '>Bc0c4I4I7I7ddI7I7I7I7I7I7Bc0Bc0I2c0'
-- version, arrival, fence, held, waiting, offered, replenished at, drawn, soonest, override + 1, pace, pace samples,
-- moved at, virtual time, period, lanes, last group, groups, listed, resting, holders, offers, waiters, spent, floor,
-- furthest, expires at, whether nodes are agreed, revision, low, its end, whether there is a high, high, its end,
-- strategy, switch, its end, its reason
local META = '>BI7I7I7I7I7I7I7I7I5dBI7dI4I7I7I7I7I7I7I7I7I7I7I7I7BI7I4I7BI4I7Bc0Bc0I7BI4c0'
-- in line, in use, share, cap, period, start, finish, tag, head, listed, name
local GROUP = '>I7I7dI4I4dddI7BI2c0'
local LAYOUT = 1
-- How many members one command may have: fewer than Lua's stack holds.
local AT_ONCE = 1000

-- By ticket id: { ticket, identity, node }, or false where there is none.
local entries = {}
-- By identity: a ticket id, or false.
local identities = {}
-- Which fields of the hash are there, and which have to be written.
local stored, changed = {}, {}
-- Members of the sorted set to add (true) and to take out (false), and in which order they came up.
local pending, touched = {}, {}
-- By number: { group, name, listed, resting }; and the numbers by name.
local groups, group_numbers = {}, {}
-- The first of the line, once looked up.
local line_head
-- Whether the sorted set has lost its end, if it ever had one.
local endless_index

local function change(field)
  changed[field] = true
end

local function put(member)
  if pending[member] == nil then touched[#touched + 1] = member end
  pending[member] = true
end

local function drop(member)
  if pending[member] == nil then touched[#touched + 1] = member end
  pending[member] = false
end

-- Sends a command with many arguments in portions.
local function send(command, key, list)
  for first = 1, #list, AT_ONCE do
    call(command, key, unpack(list, first, min(first + AT_ONCE - 1, #list)))
  end
end

local function flush()
  if #touched == 0 then return end
  local new, old = {}, {}
  for i = 1, #touched do
    local member = touched[i]
    if pending[member] then
      new[#new + 1] = '0'
      new[#new + 1] = member
    else
      old[#old + 1] = member
    end
  end
  pending, touched = {}, {}
  -- In this order the set is not empty in between, which would lose it its end.
  send('ZADD', KEYS[2], new)
  send('ZREM', KEYS[2], old)
  endless_index = endless_index or not ledger.is_indexed()
end

-- Eight bytes in the order of a finite double; -0 is 0 (gate/order.rs).
local function sortable(value)
  if value == 0 then return '\128\0\0\0\0\0\0\0' end
  local high, low = parse('>I4I4', pack('>d', value))
  if high < 2147483648 then return pack('>I4I4', high + 2147483648, low) end
  return pack('>I4I4', 4294967295 - high, 4294967295 - low)
end

local function order_of(ticket)
  return ticket.score + ticket.per_second * (ticket.arrival / 1e6)
end

local function line_member(id, ticket)
  return pack('>c1I7c8I7c0', 'L', ticket.lane, sortable(order_of(ticket)), ticket.arrival, id)
end

local function due_member(id, ticket)
  return pack('>c1I7I7c0', ticket.state, ticket.deadline, ticket.arrival, id)
end

local function inside_member(id, ticket)
  return pack('>c1I7c0', 'i', ticket.fence, id)
end

local function takes_room(ticket)
  return ticket.state == 'holding' or ticket.state == 'offered'
end

local function count_in(state, by)
  if state == 'holding' then
    meta.holders = meta.holders + by
  elseif state == 'offered' then
    meta.offers = meta.offers + by
  elseif state == 'waiting' then
    meta.waiters = meta.waiters + by
  else
    meta.spent = meta.spent + by
  end
end

local function went_in(id, ticket)
  -- Fences grow, so that whoever is first inside has the lowest.
  if meta.holders + meta.offers == 0 then meta.floor = ticket.fence end
  put(inside_member(id, ticket))
end

local function went_out(id, ticket)
  if meta.floor == ticket.fence then meta.floor = 0 end
  drop(inside_member(id, ticket))
end

local function index(id, ticket)
  if ticket.state == 'waiting' then
    line_head = nil
    put(line_member(id, ticket))
  elseif takes_room(ticket) then
    went_in(id, ticket)
  end
  if ticket.deadline < NEVER then
    meta.furthest = max(meta.furthest, ticket.deadline)
    put(due_member(id, ticket))
  end
  count_in(ticket.state, 1)
end

local function unindex(id, ticket)
  if ticket.state == 'waiting' then
    line_head = nil
    drop(line_member(id, ticket))
  elseif takes_room(ticket) then
    went_out(id, ticket)
  end
  if ticket.deadline < NEVER then drop(due_member(id, ticket)) end
  count_in(ticket.state, -1)
end

local function keep_identity(identity, id)
  identities[identity] = id
  if id then stored['i' .. identity] = true end
end

local function keep_entry(id, bytes)
  if not bytes then
    entries[id] = false
    return false
  end
  local ticket = {
    state = '', attend = '', weight = 0, group = 0, lane = 0, score = 0, per_second = 0, arrival = 0, fence = 0,
    deadline = 0, present_until = 0, since = 0, nonce = 0, ending = '',
  }
  local entry = { ticket = ticket, identity = '', node = '' }
  ticket.state, ticket.attend, ticket.weight, ticket.group, ticket.lane, ticket.score, ticket.per_second,
    ticket.arrival, ticket.fence, ticket.deadline, ticket.present_until, ticket.since, ticket.nonce, ticket.ending,
    entry.node, entry.identity = parse(TICKET, bytes)
  stored['t' .. id] = true
  if entry.identity ~= '' then keep_identity(entry.identity, id) end
  entries[id] = entry
  return entry
end

local function entry_of(id)
  local entry = entries[id]
  if entry == nil then entry = keep_entry(id, call('HGET', KEYS[1], 't' .. id)) end
  return entry
end

local function id_of(identity)
  if identities[identity] == nil then keep_identity(identity, call('HGET', KEYS[1], 'i' .. identity)) end
  return identities[identity]
end

local function packed_ticket(entry)
  local t = entry.ticket
  return pack(
    TICKET, #t.state, t.state, t.attend, t.weight, t.group, t.lane, t.score, t.per_second, t.arrival, t.fence,
    t.deadline, t.present_until, t.since, t.nonce, #t.ending, t.ending, #entry.node, entry.node, #entry.identity,
    entry.identity
  )
end

-- A copy of a ticket, to be changed and written.
function ledger.copy(t)
  return {
    state = t.state, attend = t.attend, weight = t.weight, group = t.group, lane = t.lane, score = t.score,
    per_second = t.per_second, arrival = t.arrival, fence = t.fence, deadline = t.deadline,
    present_until = t.present_until, since = t.since, nonce = t.nonce, ending = t.ending,
  }
end

function ledger.is_empty()
  return meta.holders + meta.offers + meta.waiters + meta.spent == 0
end

-- Whose ticket id or, without one, whose identity that is.
function ledger.find(id, identity)
  if id then return entry_of(id) and id or nil end
  return identity and id_of(identity) or nil
end

function ledger.read(id)
  return entry_of(id).ticket
end

function ledger.identity(id)
  return entry_of(id).identity
end

function ledger.node(id)
  return entry_of(id).node
end

function ledger.set_node(id, node)
  entry_of(id).node = node
  change('t' .. id)
end

function ledger.insert(id, ticket, identity, node)
  entries[id] = { ticket = ticket, identity = identity or '', node = node or '' }
  change('t' .. id)
  if identity then
    identities[identity] = id
    change('i' .. identity)
  end
  index(id, ticket)
end

function ledger.write(id, ticket)
  local entry = entries[id]
  local old = entry.ticket
  if old.state == ticket.state and old.fence == ticket.fence and old.arrival == ticket.arrival then
    -- It stays where it is, but for its deadline.
    if old.deadline ~= ticket.deadline then
      if old.deadline < NEVER then drop(due_member(id, old)) end
      if ticket.deadline < NEVER then
        meta.furthest = max(meta.furthest, ticket.deadline)
        put(due_member(id, ticket))
      end
    end
  else
    unindex(id, old)
    index(id, ticket)
  end
  entry.ticket = ticket
  change('t' .. id)
end

function ledger.forget_identity(id)
  local entry = entries[id]
  if entry.identity == '' then return end
  identities[entry.identity] = false
  change('i' .. entry.identity)
  entry.identity = ''
  change('t' .. id)
end

function ledger.remove(id)
  local entry = entries[id]
  ledger.forget_identity(id)
  unindex(id, entry.ticket)
  entries[id] = false
  change('t' .. id)
end

-- A ticket goes over to another token.
function ledger.rename(id, new)
  local entry = entries[id]
  unindex(id, entry.ticket)
  entries[id] = false
  change('t' .. id)
  entries[new] = entry
  change('t' .. new)
  index(new, entry.ticket)
  if entry.identity ~= '' then
    identities[entry.identity] = new
    change('i' .. entry.identity)
  end
end

-- The first member with that letter below a bound.
local function first(from, below)
  flush()
  return call('ZRANGEBYLEX', KEYS[2], '[' .. from, '(' .. below, 'LIMIT', 0, 1)[1]
end

local function next_letter(letter)
  return string.char(string.byte(letter) + 1)
end

local function count_of(state)
  if state == 'holding' then return meta.holders end
  if state == 'offered' then return meta.offers end
  if state == 'waiting' then return meta.waiters end
  return meta.spent
end

function ledger.due(state)
  if count_of(state) == 0 then return nil end
  local member = first(sub(state, 1, 1), pack('>c1I7', state, now + 1))
  return member and sub(member, 16)
end

function ledger.soonest()
  local soonest = NEVER
  for _, state in ipairs({ 'holding', 'offered', 'waiting', 'spent' }) do
    if count_of(state) > 0 then
      local letter = sub(state, 1, 1)
      local member = first(letter, next_letter(letter))
      if member then soonest = min(soonest, (parse('>I7', member, 2))) end
    end
  end
  return soonest
end

-- Who is at that index in the line, from 0, and when it arrived.
function ledger.nth(position)
  if position >= meta.waiters then return nil end
  local member = position == 0 and line_head
  if not member then
    flush()
    -- As text it is exact: Redis writes 17 digits, and there are never so many in line.
    member = call('ZRANGE', KEYS[2], position, position)[1]
    if position == 0 then line_head = member end
  end
  return sub(member, 24), (parse('>I7', member, 17))
end

-- How many are in line before that order.
function ledger.rank(lane, order, arrival)
  if meta.waiters == 0 then return 0 end
  flush()
  return call('ZLEXCOUNT', KEYS[2], '-', pack('>c1c1I7c8I7', '(', 'L', lane, order, arrival))
end

function ledger.rank_of(ticket)
  return ledger.rank(ticket.lane, sortable(order_of(ticket)), ticket.arrival)
end

-- How many are in line before everybody of that lane.
function ledger.rank_of_lane(lane)
  return ledger.rank(lane, '\0\0\0\0\0\0\0\0', 0)
end

-- Whether a newcomer with that order key would be before a waiter.
function ledger.is_before(order, ticket)
  return sortable(order) < sortable(order_of(ticket))
end

function ledger.floor()
  if meta.holders + meta.offers == 0 then return nil end
  if meta.floor == 0 then meta.floor = parse('>I7', first('i', 'j'), 2) end
  return meta.floor
end

function ledger.find_fence(fence)
  if meta.holders + meta.offers == 0 then return nil end
  local member = first(pack('>c1I7', 'i', fence), pack('>c1I7', 'i', fence + 1))
  return member and sub(member, 9)
end

-- The ids of who is inside, by fence, from an offset on.
function ledger.inside(offset, count)
  local last = min(offset + count, meta.holders + meta.offers)
  local ids = {}
  if offset >= last then return ids end
  flush()
  local members = call('ZRANGEBYLEX', KEYS[2], '[i', '(j', 'LIMIT', offset, last - offset)
  for i = 1, #members do ids[i] = sub(members[i], 9) end
  return ids
end

local function keep_group(number, bytes)
  local group = {}
  local entry = { group = group }
  local listed
  group.in_line, group.in_use, group.share, group.cap, group.period, group.start, group.finish, group.tag, group.head,
    listed, entry.name = parse(GROUP, bytes)
  group.listed = listed == 1
  entry.listed, entry.resting = ledger.group_members(number, group)
  stored['r' .. pack('>I7', number)] = true
  stored['n' .. entry.name] = true
  group_numbers[entry.name] = number
  groups[number] = entry
  return entry
end

local function group_entry(number)
  return groups[number] or keep_group(number, call('HGET', KEYS[1], 'r' .. pack('>I7', number)))
end

local function is_absent(group)
  return group.in_line == 0 and group.in_use == 0 and group.head == 0
end

-- Where it is in the indexes of groups.
function ledger.group_members(number, group)
  local listed = group.listed and pack('>c1c8I7I7', 'l', sortable(group.tag), group.head, number) or nil
  local resting = nil
  if is_absent(group) and group.finish > 0 then
    resting = pack('>c1I4c8I7', 'r', group.period, sortable(group.finish), number)
  end
  return listed, resting
end

-- The number of the group of that name; made when there is none.
function ledger.group(name)
  local number = group_numbers[name]
  if number == nil then
    local bytes = call('HGET', KEYS[1], 'n' .. name)
    number = bytes and parse('>I7', bytes)
  end
  if not number then
    number = meta.last_group + 1
    meta.last_group = number
    meta.groups = meta.groups + 1
    groups[number] = { name = name, group = ledger.no_group() }
    change('n' .. name)
    change('r' .. pack('>I7', number))
  end
  group_numbers[name] = number
  return number
end

function ledger.no_group()
  return {
    in_line = 0, in_use = 0, share = 0, cap = 0, period = 0, start = 0, finish = 0, tag = 0, head = 0, listed = false,
  }
end

function ledger.read_group(number)
  return group_entry(number).group
end

local function move_group(old, new, counter)
  if old == new then return end
  if old then
    drop(old)
    meta[counter] = meta[counter] - 1
  end
  if new then
    put(new)
    meta[counter] = meta[counter] + 1
  end
end

-- One that is empty is forgotten.
function ledger.write_group(number, group)
  local entry = group_entry(number)
  if entry.forgotten then return end
  local listed, resting = ledger.group_members(number, group)
  move_group(entry.listed, listed, 'listed')
  move_group(entry.resting, resting, 'resting')
  entry.group, entry.listed, entry.resting = group, listed, resting
  change('r' .. pack('>I7', number))
  if is_absent(group) and group.finish == 0 then
    group_numbers[entry.name] = false
    change('n' .. entry.name)
    entry.forgotten = true
    meta.groups = meta.groups - 1
  end
end

function ledger.first_listed()
  if meta.listed == 0 then return nil end
  return (parse('>I7', first('l', 'm'), 17))
end

function ledger.first_resting()
  if meta.resting == 0 then return nil end
  return (parse('>I7', first('r', 's'), 14))
end

-- As it was read; false where there was none.
local meta_bytes

local function new_meta()
  return {
    arrival = 0, fence = 0, held = 0, waiting = 0, offered = 0, replenished_at = 0, drawn = 0, soonest = NEVER,
    override = false, pace = 0, pace_samples = 0, moved_at = 0, virtual_time = 0, period = 0, lanes = 0,
    last_group = 0, groups = 0, listed = 0, resting = 0, holders = 0, offers = 0, waiters = 0, spent = 0, floor = 0,
    furthest = 0, expires_at = 0, agreed = false, revision = 0, low = 0, low_until = 0, high = false, high_until = 0,
    pick = '', switch = false,
  }
end

local function parse_meta(bytes)
  local m = new_meta()
  local version, is_agreed, has_high, state, ends_at, has_reason, because
  version, m.arrival, m.fence, m.held, m.waiting, m.offered, m.replenished_at, m.drawn, m.soonest, m.override, m.pace,
    m.pace_samples, m.moved_at, m.virtual_time, m.period, m.lanes, m.last_group, m.groups, m.listed, m.resting,
    m.holders, m.offers, m.waiters, m.spent, m.floor, m.furthest, m.expires_at, is_agreed, m.revision, m.low,
    m.low_until, has_high, m.high, m.high_until, m.pick, state, ends_at, has_reason, because = parse(META, bytes)
  m.agreed = is_agreed == 1
  m.high = has_high == 1 and m.high
  m.override = m.override > 0 and m.override - 1
  if state ~= '' then
    m.switch = { state = state, ends_at = ends_at, because = has_reason == 1 and because }
  end
  return m
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

-- Reads the gate, and what the commands name, at once. Answers another layout's version, which cannot be read.
function ledger.open(commands)
  local fields = { 'm' }
  for i = 1, #commands do
    local id, identity = commands[i][4], commands[i][5]
    if id then fields[#fields + 1] = 't' .. id end
    if identity then fields[#fields + 1] = 'i' .. identity end
  end
  local found = call('HMGET', KEYS[1], unpack(fields))
  meta_bytes = found[1]
  if meta_bytes then
    local version = parse('B', meta_bytes)
    if version ~= LAYOUT then return version end
    meta = parse_meta(meta_bytes)
  else
    meta = new_meta()
  end
  -- A sorted set that is made in this call has no end yet.
  endless_index = not ledger.is_indexed()
  for i = 2, #fields do
    local name = sub(fields[i], 2)
    if sub(fields[i], 1, 1) == 't' then keep_entry(name, found[i]) else keep_identity(name, found[i]) end
  end
end

-- A gate with nothing in it keeps its numbers (G2).
function ledger.vanish()
  if meta.groups > 0 then
    -- Tags that are void by now.
    call('DEL', KEYS[1], KEYS[2])
    stored, changed, pending, touched, groups, group_numbers = {}, {}, {}, {}, {}, {}
    meta.expires_at = 0
    meta_bytes = false
  end
  local old = meta
  meta = new_meta()
  meta.arrival, meta.fence, meta.expires_at = old.arrival, old.fence, old.expires_at
end

local function record_of(field)
  local kind, name = sub(field, 1, 1), sub(field, 2)
  if kind == 't' then return entries[name] and packed_ticket(entries[name]) end
  if kind == 'i' then return identities[name] end
  if kind == 'n' then return group_numbers[name] and pack('>I7', group_numbers[name]) end
  local entry = groups[parse('>I7', name)]
  if entry.forgotten then return false end
  local group = entry.group
  return pack(
    GROUP, group.in_line, group.in_use, group.share, group.cap, group.period, group.start, group.finish, group.tag,
    group.head, group.listed and 1 or 0, #entry.name, entry.name
  )
end

-- When nothing will be left to know of this gate.
local function lasts_until()
  local switch = meta.switch
  if meta.override or switch and switch.ends_at >= NEVER then return NEVER end
  -- Somebody may have asked for longer than is usual here.
  local ends_at = max(now + spec.keep, meta.furthest + spec.keep / 2, meta.replenished_at)
  return switch and max(ends_at, switch.ends_at) or ends_at
end

local function expire(has_new_index)
  local wanted, known = lasts_until(), meta.expires_at
  local endless = wanted >= NEVER
  -- How much sooner it may expire, so that this need not be put off with every command.
  local slack = spec.keep / 4
  -- Later than it should, it is: a switch was cleared, a gate is empty, or the clock went back.
  local right = known > 0 and endless == (known >= NEVER) and known >= wanted - slack and known <= wanted + slack
  if right and not has_new_index then return nil end
  meta.expires_at = min(floor(wanted), NEVER)
  return function()
    for i = 1, 2 do
      if endless then
        call('PERSIST', KEYS[i])
      else
        call('PEXPIRE', KEYS[i], floor((wanted - now) / 1000) + 1)
      end
    end
  end
end

-- Writes what has changed.
function ledger.close()
  local dirty = next(changed) ~= nil or #touched > 0
  if not dirty and packed_meta(meta) == (meta_bytes or packed_meta(new_meta())) then return end
  flush()
  local renew = expire(endless_index and ledger.is_indexed())
  local new, old = { 'm', packed_meta(meta) }, {}
  for field in pairs(changed) do
    local record = record_of(field)
    if record then
      new[#new + 1] = field
      new[#new + 1] = record
    elseif stored[field] then
      old[#old + 1] = field
    end
  end
  send('HDEL', KEYS[1], old)
  send('HSET', KEYS[1], new)
  if renew then renew() end
end

-- Whether the sorted set has anything in it.
function ledger.is_indexed()
  return meta.holders + meta.offers + meta.waiters + meta.spent + meta.listed + meta.resting > 0
end
