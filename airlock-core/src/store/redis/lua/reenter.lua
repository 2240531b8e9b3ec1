-- Who was here before: the same token again, the same identity with another, and who finds no room (gate/enter.rs).
parts[#parts + 1] = function()
  -- The same token again: the reply was lost, and the answer is the same (G3).
  function step.enter_again(id, ticket, enter)
    local state = ticket.state
    if state == 'spent' then return step.recall(id, ticket) end
    if state == 'holding' then return { 'admitted', step.grant_of(id, ticket, spec.leased) } end
    if state == 'offered' then return step.take_offer(id, ticket) end
    return step.wait_or_pass(id, ticket, enter)
  end

  -- Whether it asks for another place than the one it has: what was kept for one group, or for one weight, is not
  -- there for another.
  function step.wants_another_place(ticket, enter)
    local only_tries = ticket.state == 'waiting' and enter.stay == 'no' and not step.is_bypassed()
    if ticket.state ~= 'waiting' and ticket.state ~= 'offered' or only_tries then return false end
    local group = step.is_grouped and step.group_of(enter) or nil
    local other = ticket.weight ~= enter.weight or ticket.group ~= (group or 0)
    if group then step.let_group_be(group) end
    return other
  end

  -- The same identity with another token (G4).
  function step.reenter(id, ticket, enter)
    local state = ticket.state
    if state == 'holding' then
      if spec.share then
        step.is_others = true
        return { 'admitted', step.grant_of(id, ticket, spec.leased) }
      end
      if step.is_bypassed() then return step.pass(enter) end
      return step.refused('duplicate')
    end
    if state == 'offered' then return step.take_offer(step.supersede(id, ticket, enter), ticket) end
    if state == 'waiting' then
      -- Who only tries would not stay: the place is left to whoever waits in it.
      if enter.stay == 'no' and not step.is_bypassed() then return step.refused('full') end
      return step.wait_or_pass(step.supersede(id, ticket, enter), ticket, enter)
    end
    return step.refused('full')
  end

  -- Hands a place over to a new token: the old one, and its leaving, mean nothing any more. Answers its new id.
  function step.supersede(id, ticket, enter)
    step.note(id, ticket, 'ended', 'superseded')
    ledger.rename(id, enter.id)
    ledger.set_node(enter.id, enter.stay == 'here' and enter.node or '')
    return enter.id
  end

  function step.wait_or_pass(id, ticket, enter)
    if not step.is_bypassed() then return step.wait_on(id, ticket, enter) end
    -- Its place is of no use any more.
    step.over(id, ticket, 'left', false)
    return step.pass(enter)
  end

  function step.wait_on(id, old, enter)
    local ticket = ledger.copy(old)
    if enter.stay ~= 'no' then
      ticket.attend = enter.stay
      ledger.set_node(id, enter.stay == 'here' and enter.node or '')
    end
    ticket.deadline = step.presence(ticket.attend)
    ticket.present_until = ticket.deadline
    ledger.write(id, ticket)
    step.expect_at(ticket.deadline)
    return step.place_of(ticket)
  end

  -- Why a newcomer of that weight is not let in: by the rate, if that alone is in its way.
  function step.no_room(weight)
    local conforms_at = spec.interval and step.conforms_at(weight) or 0
    local free_at = max(conforms_at, step.is_unusual and step.held_up_until() or 0)
    if not step.has_room(weight) or free_at <= now then return step.refused('full') end
    -- Behind others it takes longer than that, and nobody knows how long.
    local known = meta.waiting == 0 and free_at < NEVER
    return { 'refused', conforms_at > now and 'limited' or 'full', known and free_at - now, false }
  end
end
