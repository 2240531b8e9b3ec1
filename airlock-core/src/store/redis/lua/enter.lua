-- Who gets in at once, who waits, who is refused: G4, G5, G7, G8 (gate/enter.rs).
parts[#parts + 1] = function()
  local function refused(reason)
    return { 'refused', reason, false, false }
  end
  step.refused = refused

  function step.enter(enter)
    if step.is_drawn then
      -- A draw goes by arrival, whatever a strategy's rank says.
      enter.score, enter.per_second = 0, 0
    end
    local id, ticket = step.find(enter.id)
    if id then return step.enter_again(id, ticket, enter) end
    if enter.identity then
      id, ticket = step.find(nil, enter.identity)
      if id then
        if not step.wants_another_place(ticket, enter) then return step.reenter(id, ticket, enter) end
        step.over(id, ticket, 'superseded', false)
        step.promote()
      end
    end
    if step.more then return { 'again' } end
    if step.is_unusual then
      if step.is_bypassed() then return step.pass(enter) end
      local turned_away = step.turned_away()
      if turned_away then return turned_away end
    end
    if step.is_too_heavy(enter.weight) then return refused('too-heavy') end
    if not step.is_grouped then return step.enter_anew(enter, nil) end
    local group = step.group_of(enter)
    local outcome = step.enter_anew(enter, group)
    step.let_group_be(group)
    return outcome
  end

  function step.enter_anew(enter, group)
    local weight = enter.weight
    if step.is_fair and enter.cap > 0 and weight > enter.cap then return refused('too-heavy') end
    if step.fits(weight) and step.would_be_next(enter, group) then
      return { 'admitted', step.admit(enter, group, spec.leased) }
    end
    if enter.stay == 'no' or step.pick == 'nobody' then return step.no_room(weight) end
    return step.queue(enter, enter.stay, group)
  end

  function step.admit(enter, group, leased)
    local shared = step.shares() and enter.identity
    local ticket = {
      state = 'holding', attend = 'away', weight = enter.weight, group = step.is_fair and group or 0,
      lane = step.lane(group), score = enter.score, per_second = enter.per_second, arrival = step.next_arrival(),
      fence = step.next_fence(), deadline = leased and step.lease_deadline(shared) or NEVER, present_until = 0,
      since = now, nonce = 0, ending = 'released',
    }
    local id = step.insert(ticket, enter)
    meta.held = meta.held + ticket.weight
    step.spend(ticket.weight)
    if step.is_fair then step.charge_newcomer(enter, ticket) end
    step.note(id, ticket, 'admitted')
    local grant = step.grant_of(id, ticket, leased)
    step.keep_if(leased, id, ticket)
    return grant
  end

  -- Nothing finds who has no token: it is gone before the step is over.
  local NO_TOKEN = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'

  function step.has_token(id)
    return id ~= NO_TOKEN
  end

  function step.insert(ticket, enter)
    step.expect_at(ticket.deadline)
    local id = enter.id or NO_TOKEN
    ledger.insert(id, ticket, enter.identity, ticket.attend == 'here' and enter.node)
    return id
  end

  -- Which line somebody of that group waits in.
  function step.lane(group)
    return step.is_fair and group and group + 1 or 0
  end

  -- Uses the rate up. It is never given back (G17).
  function step.spend(weight)
    if spec.interval and weight > 0 then
      meta.replenished_at = max(meta.replenished_at, now) + spec.interval * weight
    end
  end

  -- fence, floor, until, shared, waited, leased
  function step.grant_of(id, ticket, leased)
    return {
      ticket.fence, ledger.floor() or ticket.fence, ticket.deadline, step.is_shared(id),
      max(ticket.since - ticket.arrival, 0), leased,
    }
  end

  -- Whether a lease belongs to its identity rather than to one handle (G4).
  function step.is_shared(id)
    return step.shares() and ledger.identity(id) ~= ''
  end

  function step.shares()
    return spec.leased and spec.share
  end

  -- When a lease that starts now ends by itself.
  function step.lease_deadline()
    return min(now + spec.ttl, min(now + spec.max_hold, NEVER))
  end

  -- Heavier than a limit that lets others in; under limit 0 nobody enters, and nobody is too heavy (G8).
  function step.is_too_heavy(weight)
    local limit = step.limit()
    return limit > 0 and weight > limit
  end

  -- Whether nobody who waits would be picked before this newcomer (G5).
  function step.would_be_next(enter, group)
    if step.is_fair then return step.would_be_fair(enter, group) end
    if meta.waiting == 0 or step.pick == 'nobody' then return true end
    -- It might be, once it is in the pool.
    if step.is_drawn then return false end
    local head = ledger.nth(0)
    if not head then return true end
    -- Of equal keys the earlier arrival is first, and the newcomer's is the latest.
    local arrival = max(now, meta.arrival + 1)
    local order = enter.score + enter.per_second * (arrival / 1e6)
    return ledger.is_before(order, ledger.read(head))
  end
end
