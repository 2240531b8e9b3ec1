-- The table operations that a gate needs (gate/ledger.rs), over one hash and one sorted set.
--
-- What is read is kept for the call. Changed records are written at the end of it, and changed index entries before the
-- next look at an index, each in one command.
ledger_parts[#ledger_parts + 1] = function()
  -- By ticket id: { ticket, identity, node }, or false where there is none.
  local entries = {}
  -- Which fields of the hash are there, and which have to be written.
  local stored, changed = {}, {}
  -- Members of the sorted set to add (true) and to take out (false), and in which order they came up.
  local pending, touched = {}, {}
  -- The first of the line, once looked up.
  ledger.line_head = false
  -- Whether the sorted set has lost its end, if it ever had one.
  local endless_index

  local function change(field)
    changed[field] = true
  end
  ledger.change = change

  -- That a field is there, which was read.
  function ledger.is_stored(field)
    stored[field] = true
  end

  local function put(member)
    if pending[member] == nil then touched[#touched + 1] = member end
    pending[member] = true
  end
  ledger.put = put

  local function drop(member)
    if pending[member] == nil then touched[#touched + 1] = member end
    pending[member] = false
  end
  ledger.drop = drop

  -- Sends a command with many arguments, in portions that Lua's stack holds.
  local function send(command, key, list)
    for first = 1, #list, 1000 do
      call(command, key, unpack(list, first, min(first + 999, #list)))
    end
  end

  function ledger.flush()
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

  local function takes_room(ticket)
    return ticket.state == 'holding' or ticket.state == 'offered'
  end

  local function is_in_line(ticket)
    return ticket.state == 'waiting' or ticket.state == 'offered'
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
      ledger.line_head = false
      put(ledger.line_member(id, ticket))
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
      ledger.line_head = false
      drop(ledger.line_member(id, ticket))
    elseif takes_room(ticket) then
      went_out(id, ticket)
    end
    if ticket.deadline < NEVER then drop(due_member(id, ticket)) end
    count_in(ticket.state, -1)
  end

  local function keep_entry(id, bytes)
    if not bytes then
      entries[id] = false
      return false
    end
    local entry = {}
    entry.ticket, entry.node, entry.identity = parse_ticket(bytes)
    stored['t' .. id] = true
    if entry.identity ~= '' then ledger.keep_owner(entry.identity, id, not is_in_line(entry.ticket)) end
    entries[id] = entry
    return entry
  end

  local function entry_of(id)
    local entry = entries[id]
    if entry == nil then entry = keep_entry(id, call('HGET', KEYS[1], 't' .. id)) end
    return entry
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
    return identity and ledger.named(identity) or nil
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
    if identity then ledger.name(identity, id, not is_in_line(ticket)) end
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
      if entry.identity ~= '' and is_in_line(old) and not is_in_line(ticket) then
        ledger.unname(entry.identity)
        ledger.name(entry.identity, id, true)
      end
    end
    entry.ticket = ticket
    change('t' .. id)
  end

  function ledger.floor()
    if meta.holders + meta.offers == 0 then return nil end
    if meta.floor == 0 then meta.floor = parse('>I7', ledger.first('i', 'j'), 2) end
    return meta.floor
  end

  function ledger.forget_identity(id)
    local entry = entries[id]
    if entry.identity == '' then return end
    ledger.unname(entry.identity)
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
      ledger.unname(entry.identity)
      ledger.name(entry.identity, new, not is_in_line(entry.ticket))
    end
  end

  -- As it was read; false where there was none.
  local meta_bytes

  -- Takes what was read: a record for each of the fields, the first of which is the gate's own.
  function ledger.open(fields, found)
    meta_bytes = found[1]
    -- A sorted set that is made in this call has no end yet.
    endless_index = not ledger.is_indexed()
    for i = 2, #fields do
      local name = sub(fields[i], 2)
      if sub(fields[i], 1, 1) == 't' then keep_entry(name, found[i]) else ledger.keep_own(name, found[i]) end
    end
  end

  -- A gate with nothing in it keeps its numbers (G2).
  function ledger.vanish()
    if meta.groups > 0 then
      -- Tags that are void by now.
      call('DEL', KEYS[1], KEYS[2])
      stored, changed, pending, touched = {}, {}, {}, {}
      ledger.forget_groups()
      meta.expires_at = 0
      meta_bytes = false
    end
    meta = rested(meta)
  end

  local function record_of(field)
    local kind, name = sub(field, 1, 1), sub(field, 2)
    if kind == 't' then
      local entry = entries[name]
      return entry and packed_ticket(entry.ticket, entry.node, entry.identity)
    end
    if kind == 'i' or kind == 'b' then return ledger.name_record(kind, name) end
    return ledger.group_record(kind, name)
  end

  -- When nothing will be left to know of this gate.
  local function lasts_until()
    local switch = meta.switch
    if meta.override or switch and switch.ends_at >= NEVER then return NEVER end
    -- Somebody may have asked for longer than is usual here.
    local ends_at = max(now + keep, meta.furthest + keep / 2, meta.replenished_at)
    return floor(min(switch and max(ends_at, switch.ends_at) or ends_at, NEVER - 1))
  end

  -- Notes when that is, unless it is known to be at about that time. Answers from which key on they need to be given an
  -- end: both, or the sorted set alone where it has just been made.
  local function renew(has_new_index)
    local wanted, known = lasts_until(), meta.expires_at
    -- How much sooner it may be, so that it need not be put off with every command. Later than it should, it is: a
    -- switch was cleared, a gate is empty, or the clock went back.
    local is_right = known > 0 and (wanted >= NEVER) == (known >= NEVER) and abs(wanted - known) <= keep / 4
    if is_right then return has_new_index and 2 end
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

  -- Writes what has changed.
  function ledger.close()
    local dirty = next(changed) ~= nil or #touched > 0
    if not dirty and packed_meta(meta) == (meta_bytes or packed_meta(new_meta())) then return end
    ledger.flush()
    local first = renew(endless_index and ledger.is_indexed())
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
    if first then expire(first) end
  end

  -- Whether the sorted set has anything in it.
  function ledger.is_indexed()
    return meta.holders + meta.offers + meta.waiters + meta.spent + meta.listed + meta.resting > 0
  end
end
