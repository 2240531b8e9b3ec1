-- Short cuts: a newcomer for whom there is room or none, the release of a lease, and its renewal, where nobody waits
-- and nothing is due. That is most of what a service asks, and takes less than the making of what decides all the
-- rest. As many commands of a call as can be are decided like this, from the first on, and written together; those
-- behind them find it done. What cannot be has changed nothing. The tests run both ways.
--
-- There are no functions here, and few tables and strings: making one costs as much as most of what this does.

-- How many commands are decided, and the answers to them in MessagePack, piece by piece: most end as the one before.
local count = #ARGV - 2
local done, answers, pieces = 0, count > 1 and {}, 0
local outcome, grant, ending = nil, '', nil

if is_plain == 1 and unwell_until <= now then
  -- A new gate knows nothing, and nothing is due.
  local record = found[1] or pack(OWN, LAYOUT, 1, 0, 0, 0, 0, 0, NEVER, 0, 0, 0, 0, 0, 0, 0, 0, 0, '')
  local _, is_calm, arrival, fence, held, holders, spent, soonest, furthest, lowest, ends_at, override, is_agreed,
    agreed_on, low, low_until, line_pick, rest_at = parse(OWN, record)
  local rest = rest_at > #record and '' or sub(record, rest_at)
  local had_members = holders + spent > 0
  local in_force = override > 0 and override - 1 or limit
  -- Whether the nodes that share it are of one mind; then, this one asks again with it (G18).
  local is_settled = is_calm == 1
  if is_shared == 1 then
    is_settled = is_settled and (is_agreed == 0 or agreed_on == revision and low == limit)
    is_agreed, agreed_on, low, low_until, line_pick = 1, revision, limit, min(now + ttl, NEVER), pick
  end

  -- Members of the sorted set to add and to take out, fields of the hash to set and to take out: made with as many
  -- places as one command needs, since a table that grows costs more than one that is large enough.
  local members, old_members, records, old_fields
  local member_count, old_count, record_count, field_count = 0, 0, 0, 0
  -- Whom a command was about: what was found of them does not hold any more.
  local touched = answers and {}
  local position = 1
  -- Until when whoever is let in may stay, and what its member of the index starts with.
  local until_then = min(now + ttl, now + max_hold, NEVER)
  local due = HOLDS + floor(until_then / UPPER)
  -- What the last grant and the last ending say.
  local granted_floor, granted_until, ends_next, ends_idle
  -- In portions that Lua's stack holds; and what was just let in may be due at once.
  while is_settled and soonest > now and done < count and done < 1000 do
    local command = ARGV[done + 3]
    local verb, id, identity, own_at
    if answers then
      verb, id, identity, own_at = verbs[done + 1], ids[done + 1], identities[done + 1], owns_at[done + 1]
    else
      verb, id, identity, own_at = parse(WHO, command)
    end
    own_at = own_at + AND_BYTES
    local ticket, other, field
    if id ~= '' then
      position = position + 1
      ticket, field = found[position], fields and fields[position] or 't' .. id
    end
    if identity ~= '' then
      position = position + 1
      other = found[position]
    end
    if id == '' or touched and (touched[id] or touched[identity]) then break end
    -- What is told of it.
    local effect

    if verb == 'e' and not ticket and not other then
      local stay, weight, score, per_second = parse(ENTER, command, own_at)
      if weight > in_force or until_then < now or until_then <= arrival or until_then - now >= FAR then break end
      if held + weight > in_force then
        -- No room, and whoever is inside is not about to go.
        if stay ~= 'n' or holders == 0 then break end
        outcome, grant = '\150\148\167refused\164full\194\194\194', ''
      else
        arrival, fence = arrival + 1, fence + 1
        if arrival < now then arrival = now end
        if fence < now then fence = now end
        if holders == 0 then
          lowest = fence
        elseif lowest == 0 then
          -- Whoever had the lowest fence has left. Looked up once: those who come have higher ones.
          if old_fields then call('HDEL', KEYS[1], unpack(old_fields)) end
          if members then call('ZADD', KEYS[2], unpack(members)) end
          if old_members then call('ZREM', KEYS[2], unpack(old_members)) end
          members, old_members, old_fields, member_count, old_count, field_count = nil, nil, nil, 0, 0, 0
          lowest = parse('>I7', call('ZRANGEBYLEX', KEYS[2], '[i', '(j', 'LIMIT', 0, 1)[1], 2)
        end
        held, holders = held + weight, holders + 1
        if until_then < soonest then soonest = until_then end
        if until_then > furthest then furthest = until_then end
        members = members or { nil, nil, nil, nil }
        members[member_count + 1] = '0'
        members[member_count + 2] = pack('>BI6I7c0', due, until_then, arrival, id)
        members[member_count + 3], members[member_count + 4] = '0', pack('>c1I7c0', 'i', fence, id)
        member_count = member_count + 4
        records = records or { nil, nil, nil, nil, nil, nil }
        records[record_count + 1] = field
        if weight == 1 and score == 0 and per_second == 0 then
          records[record_count + 2] =
            pack('>c1BI7I5I7I7c0', 'h', 128, arrival, until_then - arrival, fence, now, identity)
        else
          records[record_count + 2] = pack(
            '>c1BI7I5I7I7I4ddc0', 'h', 131, arrival, until_then - arrival, fence, now, weight, score, per_second,
            identity
          )
        end
        record_count = record_count + 2
        if identity ~= '' then
          records[record_count + 1], records[record_count + 2] = 'i' .. identity, id
          record_count = record_count + 2
        end
        outcome = pack('>c13I8', '\150\146\168admitted\150\207', fence)
        local shared = identity ~= '' and shares == 1
        if grant == '' or shared or granted_floor ~= lowest or granted_until ~= until_then then
          grant = pack('>BI8BI8BBBB', 207, lowest, 207, until_then, shared and 195 or 194, 0, 195, 194)
          granted_floor, granted_until = lowest, not shared and until_then
        end
        if telling > 0 then
          local known_as = telling == 2 and identity ~= '' and identity
          effect = { 'admitted', id, false, known_as, fence, arrival, now, false, false }
        end
      end

    elseif ticket and (verb == 'r' or verb == 'g' and parse('B', command, own_at) == 0) then
      local letter, flags = string.byte(ticket, 1, 2)
      -- Who holds, of no group, and with a deadline that is not far away.
      if letter ~= 104 or flags < 128 or flags >= 192 or flags % 32 >= 8 then break end
      local came, lasts, its_fence, since, at = parse('>I7I5I7I7', ticket, 3)
      local deadline = came + lasts
      if deadline <= now then break end
      local its_due = pack('>BI6I7c0', HOLDS + floor(deadline / UPPER), deadline, came, id)
      if verb == 'r' then
        local has_ttl, its_ttl = parse('>BI7', command, own_at)
        local longest = min(since + max_hold, NEVER)
        local later = max(min(now + (has_ttl == 1 and its_ttl or ttl), NEVER - 1, longest), deadline)
        if later - came >= FAR then break end
        if later > deadline then
          furthest = max(furthest, later)
          old_members, members, records = old_members or {}, members or {}, records or {}
          old_count = old_count + 1
          old_members[old_count] = its_due
          members[member_count + 1] = '0'
          members[member_count + 2] = pack('>BI6I7c0', HOLDS + floor(later / UPPER), later, came, id)
          member_count = member_count + 2
          records[record_count + 1] = field
          records[record_count + 2] = sub(ticket, 1, 9) .. pack('>I5', later - came) .. sub(ticket, 15)
          record_count = record_count + 2
        end
        outcome, grant = pack('>c11I8B', '\150\146\167renewed\207', later, 194), ''
      else
        local weight, node = 1, ''
        if flags > 128 then
          if flags % 2 >= 1 then weight, at = parse('>I4', ticket, at) end
          if flags % 4 >= 2 then at = at + 16 end
          if flags % 8 >= 4 then at = at + 14 end
          if flags >= 160 then node, at = parse('>c16', ticket, at) end
        end
        local owner = sub(ticket, at)
        held, holders = held - weight, holders - 1
        if lowest == its_fence then lowest = 0 end
        old_members, old_fields = old_members or { nil, nil }, old_fields or { nil, nil }
        old_members[old_count + 1] = its_due
        old_members[old_count + 2] = pack('>c1I7c0', 'i', its_fence, id)
        old_count = old_count + 2
        field_count = field_count + 1
        old_fields[field_count] = field
        if owner ~= '' then
          field_count = field_count + 1
          old_fields[field_count] = 'i' .. owner
        end
        outcome, grant = '\150\145\168released\194', ''
        if telling > 0 then
          effect = {
            'ended', id, node ~= '' and node, telling == 2 and owner ~= '' and owner, its_fence, came, since, false,
            'released',
          }
        end
      end

    else
      break
    end

    if touched then
      touched[id] = true
      if identity ~= '' then touched[identity] = true end
    end
    done = done + 1
    local is_idle = holders + spent == 0 and override == 0
    if effect or ends_next ~= soonest or ends_idle ~= is_idle then
      -- { outcome, false, when to look again, effects, whether it is idle, true }
      ending = is_idle and '\144\195\195' or '\144\194\195'
      if effect then ending = '\145' .. cmsgpack.pack(effect) .. sub(ending, 2) end
      ending = soonest < NEVER and pack('>BI8c0', 207, soonest, ending) or '\194' .. ending
      ends_next, ends_idle = not effect and soonest, is_idle
    end
    if answers then
      answers[pieces + 1], answers[pieces + 2], answers[pieces + 3] = outcome, grant, ending
      pieces = pieces + 3
    end
    if is_idle then
      -- Its last numbers are left of it, and what its nodes are agreed on (G2, G18).
      held, soonest, furthest, lowest, rest = 0, NEVER, 0, 0, ''
    end
  end

  if done > 0 then
    -- What makes room comes first: a server that is full takes it, and then the rest of this call as well. The sorted
    -- set is not empty in between, which would lose it its end.
    if old_fields then call('HDEL', KEYS[1], unpack(old_fields)) end
    if members then call('ZADD', KEYS[2], unpack(members)) end
    if old_members then call('ZREM', KEYS[2], unpack(old_members)) end
    -- When it is forgotten: as ledger.lua has it.
    local wanted = override > 0 and NEVER or floor(min(max(now + keep, furthest + keep / 2), NEVER - 1))
    local is_right = ends_at > 0 and (wanted >= NEVER) == (ends_at >= NEVER) and abs(wanted - ends_at) <= keep / 4
    if not is_right then ends_at = wanted end
    records = records or { nil, nil }
    records[record_count + 1] = 'm'
    records[record_count + 2] = pack(
      OWN, LAYOUT, 1, arrival, fence, held, holders, spent, soonest, furthest, lowest, ends_at, override, is_agreed,
      agreed_on, low, low_until, #line_pick, line_pick
    ) .. rest
    call('HSET', KEYS[1], unpack(records))
    for i = 1, 2 do
      -- A sorted set that has been made in this call has no end yet.
      if not is_right or i == 2 and not had_members and holders + spent > 0 then
        if ends_at >= NEVER then
          call('PERSIST', KEYS[i])
        else
          call('PEXPIRE', KEYS[i], floor((ends_at - now) / 1000) + 1)
        end
      end
    end
  end
end

if done == count then
  if done == 1 then return pack('>c2I8B', '\146\207', now, 145) .. outcome .. grant .. ending end
  return pack('>c2I8BI2', '\146\207', now, 220, done) .. table.concat(answers)
end
