-- One step for each command, and what is told to whom (gate/mod.rs).

local function lazily(functions, makers)
  local made = 0
  setmetatable(functions, {
    __index = function(_, name)
      while made < #makers do
        made = made + 1
        makers[made]()
        local found = rawget(functions, name)
        if found ~= nil then return found end
      end
      error('no part of the gate has ' .. name)
    end,
  })
end

local function run()
  lazily(step, parts)
  lazily(ledger, ledger_parts)

  -- Whether a switch or the health of what is guarded keeps anybody from what he could otherwise do.
  function step.look_around()
    local switch = spec.switch
    step.is_unusual = meta.switch and true or switch.state ~= 'open' and switch.ends_at > now or spec.unwell_until > now
  end

  function step.is_bypassed()
    return step.is_unusual and step.setting().state == 'bypass'
  end

  -- Whether those who wait are let in.
  function step.serves()
    if not step.is_unusual then return true end
    local state = step.setting().state
    return state == 'bypass' or (state == 'open' or state == 'drain') and spec.unwell_until <= now
  end

  -- The limit in force (G18).
  function step.limit()
    return meta.override or step.configured
  end

  function step.has_room(weight)
    return meta.held + weight <= step.limit()
  end

  function step.fits(weight)
    if step.is_bypassed() then return true end
    return step.serves() and step.has_room(weight) and (not spec.interval or step.conforms_at(weight) <= now)
  end

  -- Unique and growing, and no lower than the clock (G2).
  function step.next_arrival()
    meta.arrival = max(now, meta.arrival + 1)
    return meta.arrival
  end

  function step.next_fence()
    meta.fence = max(now, meta.fence + 1)
    return meta.fence
  end

  -- Remembers that something happens at `deadline`.
  function step.expect_at(deadline)
    if deadline < meta.soonest then meta.soonest = deadline end
  end

  -- What the key names now. What is past its deadline is over, reclaimed or not (G1).
  function step.find(id, identity)
    local found = ledger.find(id, identity)
    if not found then return nil end
    local ticket = ledger.read(found)
    if ticket.deadline > now then return found, ticket end
    step.reclaim(found)
    -- One that missed its offer may be back in the line.
    found = ledger.find(id, identity)
    if not found then return nil end
    return found, ledger.read(found)
  end

  -- For nodes whose waiters were let in or put out.
  local messages = {}

  function step.note(id, ticket, what, detail)
    local awaited = ticket.attend == 'here' and ticket.state == 'waiting'
    if what == 'granted' or awaited and what == 'ended' then
      local node = ledger.node(id)
      -- Whoever asked has its answer.
      if node ~= '' and id ~= step.asks then
        messages[#messages + 1] = { node, { spec.name, ARGV[2], id, what, detail } }
      end
    end
    if telling == 0 then return end
    local node, identity = ledger.node(id), telling == 2 and ledger.identity(id) or ''
    step.effects[#step.effects + 1] = {
      what, id, node ~= '' and node, identity ~= '' and identity, ticket.fence, ticket.arrival, ticket.since, awaited,
      detail or false,
    }
  end

  local function apply(verb, c)
    if verb == 'enter' then return step.enter(c) end
    if verb == 'tick' then return { 'done' } end
    if verb == 'inspect' then return step.inspect(c.offset, c.count) end
    if verb == 'resize' then return step.resize(c.limit) end
    if verb == 'switch' then return step.set_switch(c.state, c.reopen_in, c.because) end
    if verb == 'evict' then return step.evict(c.identity, c.fence) end
    if verb == 'give-up' then return step.give_up(c, c.doubt) end
    if verb == 'renew' then return step.renew(c, c.ttl) end
    if verb == 'poll' then return step.poll(c, true) end
    if verb == 'look' then return step.poll(c, false) end
    if verb == 'claim' then return step.claim(c, c.nonce) end
    if verb == 'adopt' then return step.adopt(c, c.detach) end
    if verb == 'restore' then return step.restore(c) end
    error('no such verb: ' .. verb)
  end

  -- A waiter that asked in this very command and was chosen in its last promotion is told so at once (G10).
  local function reconsider(c, outcome)
    local id, ticket = step.find(c.id)
    if not id then return outcome end
    if ticket.state == 'offered' then return step.take_offer(id, ticket) end
    if ticket.state == 'holding' then return { 'admitted', step.grant_of(id, ticket, spec.leased) } end
    return outcome
  end

  -- Goes by a strategy from now on: { name, overdue, base, per second, max }.
  local strategy
  local function go_by(pick)
    if pick == strategy then return end
    strategy = pick
    local p = cmsgpack.unpack(pick)
    step.pick, step.overdue, step.base, step.growth, step.top = p[1], p[2], p[3], p[4], p[5]
    step.is_fair = step.pick == 'fair'
    step.is_drawn = step.pick == 'uniform' or step.pick == 'aging'
    step.is_grouped = step.is_fair or spec.group_capacity < NEVER
  end

  local function next_at()
    if step.more then return now end
    local at = meta.soonest
    if spec.interval then at = min(at, step.rate_lets_go_at() or NEVER) end
    if step.is_unusual then at = min(at, step.serves_at() or NEVER) end
    if meta.high and meta.waiting > 0 then at = min(at, meta.low_until) end
    return at < NEVER and at
  end

  local function decide(c)
    local verb = c.verb
    step.x, step.y = c.x, c.y
    -- All zeros would stay so.
    if step.x == 0 and step.y == 0 then step.y = 1 end
    step.budget, step.more, step.effects, step.is_others = spec.step_bound, false, {}, false
    step.asks = (verb == 'enter' or verb == 'give-up') and c.id
    step.configured = spec.limit
    if spec.revision then step.agree() end
    go_by(spec.revision and meta.pick or spec.pick)
    -- A rate that has recovered is as if nobody had ever come, and keeps no gate alive.
    if meta.replenished_at <= now then meta.replenished_at = 0 end
    -- A resource's own setting that is past is none.
    if meta.switch and meta.switch.ends_at <= now then meta.switch = false end
    step.look_around()
    if meta.soonest <= now then step.sweep() end
    -- Operators' commands are applied before anybody is let in, so that a limit just lowered holds.
    if meta.waiting > 0 and verb ~= 'resize' and verb ~= 'switch' and verb ~= 'evict' then step.promote() end
    local outcome = apply(verb, c)
    if meta.waiting > 0 then step.promote() end
    if verb == 'enter' and outcome[1] == 'queued' then outcome = reconsider(c, outcome) end
    if meta.resting > 0 then step.forget_rested() end
    local at = next_at()
    local idle = ledger.is_empty() and not meta.override and not meta.switch and meta.replenished_at == 0
    if idle then ledger.vanish() end
    local answer = { outcome, step.more, at, step.effects, idle, not step.is_others }
    return answer
  end

  local HEX = string.rep('%02x', 16)

  ledger.open(fields, found)
  answers = answers or {}
  for i = done + 1, count do answers[#answers + 1] = cmsgpack.pack(decide(command_of(ARGV[i + 2]))) end
  ledger.close()
  for i = 1, #messages do
    local node = string.format(HEX, string.byte(messages[i][1], 1, 16))
    call('PUBLISH', spec.prefix .. ':node:' .. node, cmsgpack.pack(messages[i][2]))
  end
  return pack('>c2I8BI2', '\146\207', now, 220, count) .. table.concat(answers)
end

return run()
