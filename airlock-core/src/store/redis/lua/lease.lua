-- Claim, renew, adopt, restore: G11, G13, G14 (gate/hold.rs).
parts[#parts + 1] = function()
  -- Takes up an offer; the same claim again has the same answer (G11).
  function step.claim(key, nonce)
    local id, ticket = step.find(key.id, key.identity)
    if not id or nonce == 0 or ticket.nonce ~= nonce then return { 'missed' } end
    if ticket.state == 'offered' then return step.take_offer(id, ticket) end
    if ticket.state == 'holding' then return { 'admitted', step.grant_of(id, ticket, spec.leased) } end
    if ticket.state == 'spent' and ticket.ending == 'admitted' then return step.recall(id, ticket) end
    return { 'missed' }
  end

  -- What a remembered token means to whoever asks with it again.
  function step.recall(id, ticket)
    if ticket.ending ~= 'admitted' then return { 'over', ticket.ending } end
    local grant = step.grant_of(id, ticket, false)
    grant[2] = min(grant[2], ticket.fence)
    grant[3] = NEVER
    return { 'admitted', grant }
  end

  local function find_lease(key)
    local id, ticket = step.find(key.id, key.identity)
    if id and ticket.state == 'holding' and step.may_act_on(key, ticket) then return id, ticket end
    return nil
  end

  local function renewed(ticket, ttl)
    local longest = min(ticket.since + spec.max_hold, NEVER)
    local wanted = min(now + (ttl or spec.ttl), NEVER - 1)
    return max(min(wanted, longest), ticket.deadline)
  end

  local function set_deadline(id, ticket, deadline)
    if deadline == ticket.deadline then return ticket end
    local kept = ledger.copy(ticket)
    kept.deadline = deadline
    ledger.write(id, kept)
    return kept
  end

  -- Extends a lease; never revives, shortens or frees one, and never makes one permanent (G13).
  function step.renew(key, ttl)
    local id, ticket = find_lease(key)
    if not id then return { 'lost' } end
    return { 'renewed', set_deadline(id, ticket, renewed(ticket, ttl)).deadline }
  end

  -- Every ticket here has a token, and nobody a guard beside the gate: what is left of it is to renew a lease that is
  -- let go of.
  function step.adopt(key, detach)
    local id, ticket = find_lease(key)
    if not id then return { 'lost' } end
    if detach then
      ticket = set_deadline(id, ticket, renewed(ticket))
      step.expect_at(ticket.deadline)
    end
    return { 'renewed', ticket.deadline }
  end

  -- Takes a detached lease over.
  function step.restore(key)
    local id, ticket = find_lease(key)
    if not id then return { 'lost' } end
    ticket = set_deadline(id, ticket, renewed(ticket))
    step.expect_at(ticket.deadline)
    return { 'admitted', step.grant_of(id, ticket, spec.leased) }
  end
end
