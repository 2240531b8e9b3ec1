-- Give up, and what is over: G3, G14, G15 (gate/hold.rs, gate/sweep.rs).
parts[#parts + 1] = function()
  -- Whether an authenticated identity may act on this ticket: only on the lease that it names (G14).
  function step.may_act_on(key, ticket)
    return key.id or key.fence == ticket.fence
  end

  -- Gives back whatever the key has: a lease, an offer or a place in line (G14, G15).
  function step.give_up(key, doubt)
    local id, ticket = step.find(key.id, key.identity)
    if not id then return step.give_up_unseen(key, doubt) end
    if ticket.state == 'spent' then
      local ending = ticket.ending
      if ending == 'released' or ending == 'left' then return { ending } end
      return doubt and { 'unknown' } or { 'not-held' }
    end
    if not step.may_act_on(key, ticket) then return { 'not-held' } end
    local ending = ticket.state == 'holding' and 'released' or 'left'
    step.over(id, ticket, ending, doubt)
    return { ending }
  end

  -- Ends a ticket; with `remember`, its token is kept as spent for the retry horizon (G3).
  function step.over(id, ticket, ending, remember)
    local state = ticket.state
    if state == 'waiting' then
      if meta.drawn == ticket.arrival then meta.drawn = 0 end
      step.left_line()
    elseif state == 'offered' then
      meta.offered = meta.offered - 1
      meta.held = meta.held - ticket.weight
    elseif state == 'holding' then
      meta.held = meta.held - ticket.weight
    end
    step.note(id, ticket, 'ended', ending)
    if remember then
      step.remember(id, ticket, ending)
    else
      ledger.remove(id)
    end
    if ticket.group ~= 0 then
      if state == 'waiting' or state == 'offered' then step.left_group_line(ticket) end
      -- Who is inside has a group only if it was charged, whichever strategy it is by now.
      if state == 'holding' or state == 'offered' and step.is_fair then step.left_group_inside(ticket) end
    end
  end

  -- Keeps of a ticket no more than its token and how it ended, for the retry horizon (G3).
  function step.remember(id, ticket, ending)
    local spent = ledger.copy(ticket)
    spent.state, spent.deadline, spent.group, spent.ending = 'spent', min(now + RETRY_HORIZON, NEVER), 0, ending
    ledger.write(id, spent)
    ledger.forget_identity(id)
    step.expect_at(spent.deadline)
  end

  -- Who is let in by a rate alone, or past a bypassed gate, holds nothing. What a rate let in is gone for good, so that
  -- its token is remembered: asking again must not cost another cell (G3).
  function step.keep_if(leased, id, held)
    if leased then return end
    meta.held = meta.held - held.weight
    if not spec.leased and step.has_token(id) then
      step.remember(id, held, 'admitted')
    else
      ledger.remove(id)
    end
    if held.group ~= 0 then step.left_group_inside(held) end
  end

  -- The token has nothing here, but a command with it may still be under way: it shall find it spent.
  function step.give_up_unseen(key, doubt)
    if not key.id or not doubt then return { 'not-held' } end
    local deadline = min(now + RETRY_HORIZON, NEVER)
    local ticket = {
      state = 'spent', attend = 'away', weight = 0, group = 0, lane = 0, score = 0, per_second = 0,
      arrival = step.next_arrival(), fence = 0, deadline = deadline, present_until = 0, since = now, nonce = 0,
      ending = 'spent',
    }
    ledger.insert(key.id, ticket)
    step.expect_at(deadline)
    return { 'unknown' }
  end
end
