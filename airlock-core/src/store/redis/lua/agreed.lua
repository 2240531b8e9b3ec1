-- What the nodes that share a gate are agreed on: the limit and the strategy in force, G18 (gate/agreed.rs).
parts[#parts + 1] = function()
  local function forget()
    if meta.high and meta.low_until <= now then
      meta.low, meta.low_until, meta.high, meta.high_until = meta.high, meta.high_until, false, 0
    end
  end

  local function start(limit, ends_at)
    meta.revision, meta.low, meta.low_until, meta.high, meta.high_until = spec.revision, limit, ends_at, false, 0
  end

  local function low_and_high(limit, ends_at)
    if limit <= meta.low then
      -- It counts for longer than any that was asked with before.
      meta.low, meta.low_until, meta.high, meta.high_until = limit, ends_at, false, 0
      return
    end
    if meta.high and meta.high < limit then meta.low_until = max(meta.low_until, meta.high_until) end
    meta.high, meta.high_until = limit, ends_at
  end

  -- Hears with what this node asks, and goes by what all are agreed on.
  function step.agree()
    local limit, ends_at = spec.limit, min(now + spec.ttl, NEVER)
    if not meta.agreed then
      meta.agreed, meta.pick = true, spec.pick
      start(limit, ends_at)
    end
    -- Before, so that what is past does not count for longer by what is new; and after, for it may be past alone.
    forget()
    if spec.revision > meta.revision then
      start(limit, ends_at)
    elseif spec.revision == meta.revision then
      low_and_high(limit, ends_at)
    end
    forget()
    if meta.waiting + meta.offered == 0 then meta.pick = spec.pick end
    step.configured = meta.low
  end
end
