-- Limits, evictions, inspection: G8, G18 (gate/operate.rs).
parts[#parts + 1] = function()
  function step.resize(limit)
    meta.override = limit
    return { 'done' }
  end

  function step.evict(identity, fence)
    local id, ticket
    if identity then
      id, ticket = step.find(nil, identity)
      -- With an identity, the number says where it has to be: anywhere, inside (1), in line (2).
      if id and fence > 0 and (ticket.state == 'waiting') ~= (fence == 2) then id = nil end
    else
      id = ledger.find_fence(fence)
      ticket = id and ledger.read(id)
      if ticket and ticket.deadline <= now then id = nil end
    end
    if not id then return { 'not-held' } end
    step.over(id, ticket, 'evicted', false)
    return { 'done' }
  end

  local function identity_of(id)
    local identity = ledger.identity(id)
    return identity ~= '' and identity
  end

  local function shown(switch)
    if not switch or switch.ends_at <= now then return false end
    return { switch.state, switch.ends_at < NEVER and switch.ends_at - now, switch.because }
  end

  function step.inspect(offset, count)
    local holders, waiters = ledger.inside(offset, count), {}
    for i = 1, #holders do
      local id = holders[i]
      local ticket = ledger.read(id)
      local age = max(now - ticket.since, 0)
      holders[i] = { identity_of(id), ticket.fence, ticket.weight, age, ticket.state == 'offered' }
    end
    for position = offset, min(offset + count, meta.waiting) - 1 do
      local id, arrival = ledger.nth(position)
      if not id then break end
      waiters[#waiters + 1] = { identity_of(id), position + 1, ledger.read(id).weight, max(now - arrival, 0) }
    end
    return {
      'seen', step.limit(), step.configured, meta.override, meta.held, meta.offered, meta.waiting, shown(meta.switch),
      shown(spec.switch), spec.is_forced, spec.unwell_until > now and spec.unwell_until - now, holders, waiters,
    }
  end
end
