-- Places, presence, expected waits: G7, G9, G12 (gate/line.rs, gate/meta.rs).
parts[#parts + 1] = function()
  -- From how many departures the line's pace is measured at the least, and at the most.
  local PACE_LEAST, PACE_MOST = 32, 1024

  -- Puts a newcomer into the line, if that is not full (G7).
  function step.queue(enter, attend, group)
    if meta.waiting + meta.offered >= spec.capacity then return step.refused('line-full') end
    -- Who has no group of its own is not counted, whoever it shares a turn with.
    local counted = spec.group_capacity < NEVER and enter.group
    if group and counted and ledger.read_group(group).in_line >= spec.group_capacity then
      return step.refused('group-line-full')
    end
    local deadline = step.presence(attend)
    local ticket = {
      state = 'waiting', attend = attend, weight = enter.weight, group = group or 0, lane = step.lane(group),
      score = enter.score, per_second = enter.per_second, arrival = step.next_arrival(), fence = 0,
      deadline = deadline, present_until = deadline, since = 0, nonce = 0, ending = 'released',
    }
    local id = step.insert(ticket, enter)
    step.joined_line()
    if group then step.joined_group(enter, group) end
    step.note(id, ticket, 'queued')
    return step.place_of(ticket)
  end

  -- Tells how things stand; with `touch`, proves presence (G9).
  function step.poll(key, touch)
    local id, ticket = step.find(key.id, key.identity)
    if not id then return { 'not-held' } end
    local state = ticket.state
    if state == 'holding' then return { 'admitted', step.grant_of(id, ticket, spec.leased) } end
    if state == 'spent' then return step.recall(id, ticket) end
    if touch then
      ticket = ledger.copy(ticket)
      ticket.present_until = step.presence(ticket.attend)
      if state == 'waiting' then
        ticket.deadline = ticket.present_until
        step.expect_at(ticket.deadline)
      end
      ledger.write(id, ticket)
    end
    if state == 'waiting' then return step.place_of(ticket) end
    return { 'offered', ticket.nonce, ticket.fence, ticket.deadline }
  end

  function step.place_of(ticket)
    local pick = step.pick
    local position
    if step.is_drawn then
      -- In a lottery everybody is as near to the door as all together.
      position = meta.waiting
    elseif step.is_fair then
      position = step.ahead_by_turns(ticket) + 1
    else
      position = ledger.rank_of(ticket) + 1
    end
    -- What is ahead departs one by one at the line's pace, and then this one does.
    local estimated_wait = meta.pace_samples > 0 and min(max(floor(position * meta.pace), 0), NEVER)
    local alike = pick == 'uniform' and not step.overdue
    -- Luck, or somebody of a quieter group, may still come in ahead.
    local exact = pick == 'head' or pick == 'nobody'
    local chance = alike and 1 / max(meta.waiting, 1)
    return { 'queued', position, exact, meta.waiting, chance, estimated_wait, spec.refresh_after }
  end

  -- Until when somebody attended like this, who asks now, counts as present.
  function step.presence(attend)
    -- A future is there for as long as its node is, which has to say so where several share the gate.
    if attend == 'here' then return spec.revision and min(now + spec.node_presence, NEVER) or NEVER end
    return min(now + spec.presence, NEVER)
  end

  function step.joined_line()
    meta.waiting = meta.waiting + 1
    -- An empty line has no pace: do not count the quiet before this one came.
    if meta.waiting == 1 then meta.moved_at = now end
  end

  -- Somebody left the line, by whichever end: that is its progress (G12).
  function step.left_line()
    meta.waiting = meta.waiting - 1
    -- Those who were let in together go together: some of these waves are looked at as one.
    local window = max(min(4 * step.limit(), PACE_MOST), PACE_LEAST)
    meta.pace_samples = min(meta.pace_samples + 1, window)
    local gap = max(now - meta.moved_at, 0)
    meta.pace = meta.pace + (gap - meta.pace) / meta.pace_samples
    meta.moved_at = now
    if step.is_fair and meta.waiting == 0 then
      -- Nobody waits any more: all tags are void.
      meta.period = (meta.period + 1) % 4294967296
      meta.virtual_time = 0
    end
  end
end
