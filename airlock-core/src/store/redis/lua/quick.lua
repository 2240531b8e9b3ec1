-- Short cuts: a newcomer for whom there is room or none, the release of a lease, and its renewal, where nobody waits and
-- nothing is due. That is most of what a service asks, and takes less than the making of what decides all the rest.
-- As many commands of a call as can be are decided like this, from the first on, and written together; those behind them
-- find it done. What cannot be has changed nothing. The tests run both ways.
--
-- There are no functions here: making one costs more than what most of this does.

-- How many commands are decided, and the answers to them in MessagePack.
local done, answers = 0, {}

if is_plain == 1 and unwell_until <= now then
  local NO, YES, NONE = '\194', '\195', '\144'

  -- A new gate knows nothing, and nothing is due.
  local record = found[1] or pack(OWN, LAYOUT, 1, 0, 0, 0, 0, 0, NEVER, 0, 0, 0, 0, 0, 0, 0, 0, 0, '')
  local _, is_calm, arrival, fence, held, holders, spent, soonest, furthest, lowest, ends_at, override, is_agreed,
    agreed_on, low, low_until, line_pick, rest_at = parse(OWN, record)
  local rest = sub(record, rest_at)
  local had_members = holders + spent > 0
  local in_force = override > 0 and override - 1 or limit
  -- Whether the nodes that share it are of one mind; then, this one asks again with it (G18).
  local is_settled = is_calm == 1
  if is_shared == 1 then
    is_settled = is_settled and (is_agreed == 0 or agreed_on == revision and low == limit)
    is_agreed, agreed_on, low, low_until, line_pick = 1, revision, limit, min(now + ttl, NEVER), pick
  end

  -- Members of the sorted set to add and to take out, fields of the hash to set and to take out.
  local members, old_members, records, old_fields = {}, {}, {}, {}
  -- Whom a command was about: what was found of them does not hold any more.
  local touched = {}
  local position = 1
  -- In portions that Lua's stack holds; and what was just let in may be due at once.
  while is_settled and soonest > now and done < #commands and done < 1000 do
    local c = commands[done + 1]
    local verb, id, identity = c[1], c[4], c[5]
    local ticket, other
    if id then
      position = position + 1
      ticket = found[position]
    end
    if identity then
      position = position + 1
      other = found[position]
    end
    if not id or touched[id] or touched[identity] then break end
    -- What is answered, and what is told of it.
    local outcome, effect

    if verb == 'enter' and not ticket and not other then
      local weight = c[9]
      if weight > in_force then break end
      if held + weight > in_force then
        -- No room, and whoever is inside is not about to go.
        if c[14] ~= 'no' or holders == 0 then break end
        outcome = '\148\167refused\164full\194\194'
      else
        if holders == 0 then
          lowest = max(now, fence + 1)
        elseif lowest == 0 then
          -- Whoever had the lowest fence has left. Looked up once: those who come have higher ones.
          if #members > 0 then call('ZADD', KEYS[2], unpack(members)) end
          if #old_members > 0 then call('ZREM', KEYS[2], unpack(old_members)) end
          members, old_members = {}, {}
          lowest = parse('>I7', call('ZRANGEBYLEX', KEYS[2], '[i', '(j', 'LIMIT', 0, 1)[1], 2)
        end
        arrival, fence = max(now, arrival + 1), max(now, fence + 1)
        held, holders = held + weight, holders + 1
        local deadline = min(now + ttl, now + max_hold, NEVER)
        soonest, furthest = min(soonest, deadline), max(furthest, deadline)
        local count = #members
        members[count + 1], members[count + 2] = '0', pack('>c1I7I7c0', 'h', deadline, arrival, id)
        members[count + 3], members[count + 4] = '0', pack('>c1I7c0', 'i', fence, id)
        count = #records
        records[count + 1] = 't' .. id
        records[count + 2] = pack(
          TICKET, 7, 'holding', 'away', weight, 0, 0, c[10], c[11], arrival, fence, deadline, 0, now, 0, 8, 'released',
          0, '', identity and #identity or 0, identity or ''
        )
        if identity then
          records[count + 3], records[count + 4] = 'i' .. identity, id
          touched[identity] = true
        end
        touched[id] = true
        outcome = pack(
          '>c12I8BI8BI8BBB', '\146\168admitted\150\207', fence, 207, lowest, 207, deadline,
          identity and shares == 1 and 195 or 194, 0, 195
        )
        if telling > 0 then
          effect = { 'admitted', id, false, telling == 2 and identity, fence, arrival, now, false, false }
        end
      end

    elseif ticket and (verb == 'renew' or verb == 'give-up' and not c[7]) then
      local state, attend, weight, group, lane, score, per_second, came, its_fence, deadline, present_until, since,
        nonce, ending, node, owner = parse(TICKET, ticket)
      if state ~= 'holding' or deadline <= now or deadline >= NEVER then break end
      local due = pack('>c1I7I7c0', 'h', deadline, came, id)
      if verb == 'renew' then
        local longest = min(since + max_hold, NEVER)
        local later = max(min(now + (c[7] or ttl), NEVER - 1, longest), deadline)
        if later > deadline then
          furthest = max(furthest, later)
          old_members[#old_members + 1] = due
          local count = #members
          members[count + 1], members[count + 2] = '0', pack('>c1I7I7c0', 'h', later, came, id)
          count = #records
          records[count + 1] = 't' .. id
          records[count + 2] = pack(
            TICKET, 7, 'holding', attend, weight, group, lane, score, per_second, came, its_fence, later, present_until,
            since, nonce, #ending, ending, #node, node, #owner, owner
          )
          touched[id] = true
        end
        outcome = '\146\167renewed' .. pack('>BI8', 207, later)
      else
        if group ~= 0 then break end
        held, holders = held - weight, holders - 1
        if lowest == its_fence then lowest = 0 end
        local count = #old_members
        old_members[count + 1], old_members[count + 2] = due, pack('>c1I7c0', 'i', its_fence, id)
        old_fields[#old_fields + 1] = 't' .. id
        if owner ~= '' then old_fields[#old_fields + 1] = 'i' .. owner end
        touched[id] = true
        outcome = '\145\168released'
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

    local looks_at = soonest < NEVER and pack('>BI8', 207, soonest) or NO
    local effects = effect and '\145' .. cmsgpack.pack(effect) or NONE
    local is_idle = holders + spent == 0 and override == 0
    if is_idle then
      -- Its last numbers are left of it, and what its nodes are agreed on (G2, G18).
      held, soonest, furthest, lowest, rest = 0, NEVER, 0, 0, ''
    end
    done = done + 1
    answers[done] = '\150' .. outcome .. NO .. looks_at .. effects .. (is_idle and YES or NO) .. YES
  end

  if done > 0 then
    -- In this order the set is not empty in between, which would lose it its end.
    if #members > 0 then call('ZADD', KEYS[2], unpack(members)) end
    if #old_members > 0 then call('ZREM', KEYS[2], unpack(old_members)) end
    if #old_fields > 0 then call('HDEL', KEYS[1], unpack(old_fields)) end
    -- When it is forgotten: as ledger.lua has it.
    local wanted = override > 0 and NEVER or floor(min(max(now + keep, furthest + keep / 2), NEVER - 1))
    local is_right = ends_at > 0 and (wanted >= NEVER) == (ends_at >= NEVER) and abs(wanted - ends_at) <= keep / 4
    if not is_right then ends_at = wanted end
    local count = #records
    records[count + 1] = 'm'
    records[count + 2] = pack(
      OWN, LAYOUT, 1, arrival, fence, held, holders, spent, soonest, furthest, lowest, ends_at, override, is_agreed,
      agreed_on, low, low_until, #line_pick, line_pick
    ) .. rest
    call('HSET', KEYS[1], unpack(records))
    for i = 1, 2 do
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

if done == #commands then
  local counted = done < 16 and string.char(144 + done) or pack('>BI2', 220, done)
  return pack('>c2I8', '\146\207', now) .. counted .. table.concat(answers)
end
