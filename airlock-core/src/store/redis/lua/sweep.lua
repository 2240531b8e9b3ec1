-- What is over: G1, G9, G10 (gate/sweep.rs).
parts[#parts + 1] = function()
  local SWEPT = { 'holding', 'offered', 'waiting', 'spent' }

  -- Reclaims what is past its deadline: leases, then offers, then presence, then spent tokens.
  function step.sweep()
    for i = 1, #SWEPT do
      while true do
        local id = ledger.due(SWEPT[i])
        if not id then break end
        if step.budget == 0 then
          step.more = true
          return
        end
        step.budget = step.budget - 1
        step.reclaim(id)
      end
    end
    local soonest = ledger.soonest()
    meta.soonest = meta.switch and min(soonest, meta.switch.ends_at) or soonest
  end

  function step.reclaim(id)
    local ticket = ledger.read(id)
    if ticket.state == 'holding' then
      step.over(id, ticket, 'lapsed', false)
    elseif ticket.state == 'offered' then
      step.miss(id, ticket)
    elseif ticket.state == 'waiting' then
      step.over(id, ticket, 'absent', false)
    else
      ledger.remove(id)
    end
  end

  function step.miss(id, ticket)
    -- What a bypassed gate offered took no room, and has no weight to wait with.
    local back = spec.requeue and ticket.present_until > now and ticket.weight > 0
    if not back then return step.over(id, ticket, 'missed', false) end
    local waiting = ledger.copy(ticket)
    waiting.state, waiting.arrival, waiting.deadline = 'waiting', step.next_arrival(), ticket.present_until
    waiting.fence, waiting.since, waiting.nonce = 0, 0, 0
    ledger.write(id, waiting)
    step.expect_at(waiting.deadline)
    meta.held = meta.held - ticket.weight
    meta.offered = meta.offered - 1
    step.joined_line()
    if step.is_fair then step.left_group_inside(ticket) end
    step.note(id, waiting, 'requeued')
  end
end
