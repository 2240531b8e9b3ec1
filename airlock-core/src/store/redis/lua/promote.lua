-- Who is next and what is done with the room: G5, G6, G10 (gate/promote.rs).
parts[#parts + 1] = function()
  -- Lets in, or offers a place to, everybody there is room for, in order.
  function step.promote()
    while true do
      local id = step.next_up()
      if not id then return end
      local ticket = ledger.read(id)
      local too_heavy = not step.is_bypassed() and step.is_too_heavy(ticket.weight)
      -- A heavy head is not overtaken by the light ones behind it.
      if not too_heavy and not step.fits(ticket.weight) then return end
      if step.budget == 0 then
        step.more = true
        return
      end
      step.budget = step.budget - 1
      if ticket.deadline <= now then
        step.over(id, ticket, 'absent', false)
      elseif too_heavy then
        step.over(id, ticket, 'too-heavy', false)
      else
        step.choose(id, ticket)
      end
    end
  end

  function step.next_up()
    if meta.waiting == 0 then return nil end
    local pick = step.pick
    if pick == 'nobody' then return nil end
    if step.is_bypassed() then
      -- No cap holds anybody back.
      if pick == 'fair' then return step.fair_head() or step.oldest_head() end
      return (ledger.nth(0))
    end
    if pick == 'head' then return (ledger.nth(0)) end
    if pick == 'fair' then return step.fair_head() end
    -- Drawn when there is room, not before.
    if step.fits(1) then return step.draw() end
    return step.drawn()
  end

  -- Gives the room to a waiter: at once to one beside the gate, as an offer to one that is away.
  function step.choose(id, old)
    local bypassed = step.is_bypassed()
    -- Past a bypassed gate it takes no room.
    local weight = bypassed and 0 or old.weight
    local fence = step.next_fence()
    step.spend(weight)
    meta.drawn = 0
    local leased = spec.leased and not bypassed
    local chosen = ledger.copy(old)
    chosen.weight, chosen.fence, chosen.since = weight, fence, now
    if old.attend == 'here' then
      chosen.state, chosen.attend = 'holding', 'away'
      chosen.deadline = leased and step.confirmed_by() or NEVER
    else
      chosen.state, chosen.nonce = 'offered', step.next_nonce()
      chosen.deadline = min(now + spec.claim_window, NEVER)
    end
    chosen.group = step.kept_group(chosen)
    ledger.write(id, chosen)
    step.expect_at(chosen.deadline)
    meta.held = meta.held + weight
    step.left_line()
    if step.is_fair then step.charge(old.group, weight) end
    if chosen.state == 'holding' then
      step.left_group_line(old)
      step.note(id, chosen, 'granted', step.grant_of(id, chosen, leased))
      step.keep_if(leased, id, chosen)
    else
      -- An offer still counts against the line and its group.
      meta.offered = meta.offered + 1
      step.note(id, chosen, 'offered', { chosen.nonce, chosen.deadline })
    end
  end

  -- Until when who is let in from the line is held its place: where its node may be dead, only until that node has had
  -- time to say that it is not.
  function step.confirmed_by()
    local deadline = step.lease_deadline()
    return spec.revision and min(deadline, now + spec.confirmation) or deadline
  end

  -- Turns an offer into a lease.
  function step.take_offer(id, ticket)
    local held = ledger.copy(ticket)
    held.state, held.attend, held.since = 'holding', 'away', now
    held.deadline = spec.leased and step.lease_deadline() or NEVER
    held.group = step.kept_group(held)
    meta.offered = meta.offered - 1
    ledger.write(id, held)
    step.left_group_line(ticket)
    step.expect_at(held.deadline)
    step.note(id, held, 'admitted')
    local grant = step.grant_of(id, held, spec.leased)
    step.keep_if(spec.leased, id, held)
    return { 'admitted', grant }
  end

  -- Inside, only fair shares have to know whose place it is; and whose takes no room keeps no group.
  function step.kept_group(ticket)
    if step.is_fair and ticket.weight > 0 or ticket.state ~= 'holding' then return ticket.group end
    return 0
  end

  -- The group of this ticket has one less in the line, offers included.
  function step.left_group_line(ticket)
    if ticket.group ~= 0 then
      step.regroup(ticket.group, function(group) group.in_line = group.in_line - 1 end)
    end
  end
end
