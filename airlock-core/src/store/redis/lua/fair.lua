-- Groups: their part of the line, and fair shares between them (gate/fair.rs).
parts[#parts + 1] = function()
  -- How many groups that only rest are looked at in a step: more than a step can leave behind.
  local REAPED = 4

  local function below_cap(group, weight, cap)
    return cap == 0 or group.in_use + weight <= cap
  end

  -- The group of a newcomer, where groups count. Under fair shares those without one are a group as well.
  function step.group_of(enter)
    if enter.group then return ledger.group(enter.group) end
    return step.is_fair and ledger.group('') or nil
  end

  -- Forgets a group that nothing came of.
  function step.let_group_be(group)
    if group then ledger.write_group(group, ledger.read_group(group)) end
  end

  local function head_of(number)
    local id = ledger.nth(ledger.rank_of_lane(number + 1))
    return id and ledger.read(id).lane == number + 1 and id or nil
  end

  -- The head of the group whose turn it is.
  function step.fair_head()
    local number = ledger.first_listed()
    return number and head_of(number)
  end

  -- Whoever has waited longest, whether or not its group may go.
  function step.oldest_head()
    local earliest, oldest
    local position = 0
    while true do
      local id, arrival = ledger.nth(position)
      if not id then return oldest end
      if not earliest or arrival < earliest then earliest, oldest = arrival, id end
      position = ledger.rank_of_lane(ledger.read(id).lane + 1)
    end
  end

  -- Whether a newcomer's tag would be lower than everybody's who may go, and its group is below its cap.
  function step.would_be_fair(enter, number)
    if not number then return false end
    local group = ledger.read_group(number)
    if group.head ~= 0 or not below_cap(group, enter.weight, enter.cap) then return false end
    local finish = group.period == meta.period and group.finish or 0
    local tag = max(finish, meta.virtual_time) + enter.weight / enter.share
    local first = ledger.first_listed()
    return not first or tag < ledger.read_group(first).tag
  end

  -- About how many are before it: as many turns of each group as its own group needs.
  function step.ahead_by_turns(ticket)
    local own = ledger.rank_of(ticket) - ledger.rank_of_lane(ticket.lane)
    return min(own * max(meta.lanes, 1), max(meta.waiting - 1, 0))
  end

  -- Somebody joined its group's part of the line.
  function step.joined_group(enter, number)
    step.regroup(number, function(group)
      group.in_line = group.in_line + 1
      group.share, group.cap = step.is_fair and enter.share or 0, step.is_fair and enter.cap or 0
    end)
  end

  -- Somebody was let in on arrival.
  function step.charge_newcomer(enter, ticket)
    if ticket.group ~= 0 then step.charge(ticket.group, ticket.weight, enter) end
  end

  -- Somebody was chosen, or let in on the terms of its entry: that was its group's turn.
  function step.charge(number, weight, terms)
    if number == 0 then return end
    step.regroup(number, function(group)
      if terms then group.share, group.cap = terms.share, terms.cap end
      group.in_use = group.in_use + weight
      if meta.waiting > 0 then
        local start = group.head == 0 and max(group.finish, meta.virtual_time) or group.start
        group.finish = start + weight / group.share
        group.start = group.finish
        meta.virtual_time = max(meta.virtual_time, group.finish)
      end
    end)
  end

  -- The group of this ticket has one less inside, offers included.
  function step.left_group_inside(ticket)
    if ticket.group ~= 0 then
      step.regroup(ticket.group, function(group) group.in_use = group.in_use - ticket.weight end)
    end
  end

  local function relist(number, group)
    local waited, was_listed = group.head ~= 0, group.listed
    local id = head_of(number)
    if not id then
      if waited then meta.lanes = meta.lanes - 1 end
      group.head, group.tag, group.listed = 0, 0, false
      return
    end
    local head = ledger.read(id)
    if not waited then
      meta.lanes = meta.lanes + 1
      group.start = group.finish
    end
    group.head = head.arrival
    group.listed = below_cap(group, head.weight, group.cap)
    if group.listed and not was_listed then
      -- Being away or parked banks nothing.
      group.start = max(group.start, meta.virtual_time)
    end
    group.tag = group.start + head.weight / group.share
  end

  -- Changes a group's record, and where it stands among the others. Called once the line itself is up to date.
  function step.regroup(number, change)
    local group = ledger.read_group(number)
    if group.period ~= meta.period then group.period, group.start, group.finish = meta.period, 0, 0 end
    change(group)
    if step.is_fair then relist(number, group) end
    ledger.write_group(number, group)
  end

  -- Forgets groups whose last tag is past.
  function step.forget_rested()
    for _ = 1, REAPED do
      local number = ledger.first_resting()
      if not number then return end
      local group = ledger.read_group(number)
      if group.period == meta.period and group.finish > meta.virtual_time then return end
      ledger.write_group(number, ledger.no_group())
    end
  end
end
