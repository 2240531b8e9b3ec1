-- What a rate lets through: G17 (gate/rate.rs), the generic cell rate algorithm in whole microseconds.
parts[#parts + 1] = function()
  -- The first moment at which that weight conforms to the rate. Asking uses nothing up.
  function step.conforms_at(weight)
    return max(meta.replenished_at + spec.interval * weight - spec.interval * spec.burst, 0)
  end

  -- When the rate will let the next one in, if nothing else is in its way; or when a gate with nobody at it has
  -- recovered and can be forgotten.
  function step.rate_lets_go_at()
    if ledger.is_empty() then return meta.replenished_at > 0 and meta.replenished_at or nil end
    local pick = step.pick
    local id
    if pick == 'head' then
      id = ledger.nth(0)
    elseif pick == 'fair' then
      id = step.fair_head()
    elseif step.is_drawn then
      id = step.drawn()
    end
    -- Whoever will be drawn weighs at least 1.
    if not id and not (step.is_drawn and meta.waiting > 0) then return nil end
    local weight = id and ledger.read(id).weight or 1
    if not step.serves() or not step.has_room(weight) then return nil end
    local at = step.conforms_at(weight)
    return at > now and at or nil
  end
end
