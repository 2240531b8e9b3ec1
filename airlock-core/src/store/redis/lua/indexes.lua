-- What is read from the sorted set: deadlines, the line, who is inside (gate/ledger.rs).
ledger_parts[#ledger_parts + 1] = function()
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

  ledger.sortable = sortable

  -- Where a lane starts, and an order in it: short where they are 0, which they are in most lines.
  local function line_key(lane, order)
    local start = lane == 0 and 'K' or pack('>c1I7', 'L', lane)
    if order == 0 then return start .. '\1' end
    return start .. (order < 0 and '\0' or '\2') .. sortable(order)
  end

  function ledger.line_member(id, ticket)
    return line_key(ticket.lane, order_of(ticket)) .. pack('>I7c0', ticket.arrival, id)
  end

  -- The first member with that letter below a bound.
  local function first(from, below)
    ledger.flush()
    return call('ZRANGEBYLEX', KEYS[2], '[' .. from, '(' .. below, 'LIMIT', 0, 1)[1]
  end

  ledger.first = first

  local function count_of(state)
    if state == 'holding' then return meta.holders end
    if state == 'offered' then return meta.offers end
    if state == 'waiting' then return meta.waiters end
    return meta.spent
  end

  function ledger.due(state)
    if count_of(state) == 0 then return nil end
    local base = DUE[state]
    local member = first(string.char(base), pack('>BI6', base + floor((now + 1) / UPPER), now + 1))
    return member and sub(member, -16)
  end

  function ledger.soonest()
    local soonest = NEVER
    for _, state in ipairs({ 'holding', 'offered', 'waiting', 'spent' }) do
      if count_of(state) > 0 then
        local base = DUE[state]
        local member = first(string.char(base), string.char(base + 32))
        if member then
          local upper, lower = parse('>BI6', member)
          soonest = min(soonest, (upper - base) * UPPER + lower)
        end
      end
    end
    return soonest
  end

  -- Who is at that index in the line, from 0, and when it arrived.
  function ledger.nth(position)
    if position >= meta.waiters then return nil end
    local member = position == 0 and ledger.line_head
    if not member then
      ledger.flush()
      -- As text it is exact: Redis writes 17 digits, and there are never so many in line.
      member = call('ZRANGE', KEYS[2], position, position)[1]
      if position == 0 then ledger.line_head = member end
    end
    return sub(member, -16), (parse('>I7', member, #member - 22))
  end

  local function count_before(key)
    if meta.waiters == 0 then return 0 end
    ledger.flush()
    return call('ZLEXCOUNT', KEYS[2], '-', '(' .. key)
  end

  -- How many are in line before that order.
  function ledger.rank(lane, order, arrival)
    return count_before(line_key(lane, order) .. pack('>I7', arrival))
  end

  function ledger.rank_of(ticket)
    return ledger.rank(ticket.lane, order_of(ticket), ticket.arrival)
  end

  -- How many are in line before everybody of that lane.
  function ledger.rank_of_lane(lane)
    return count_before(lane == 0 and 'K' or pack('>c1I7', 'L', lane))
  end

  -- Whether a newcomer with that order key would be before a waiter.
  function ledger.is_before(order, ticket)
    return order < order_of(ticket)
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
    ledger.flush()
    local members = call('ZRANGEBYLEX', KEYS[2], '[i', '(j', 'LIMIT', offset, last - offset)
    for i = 1, #members do ids[i] = sub(members[i], 9) end
    return ids
  end
end
