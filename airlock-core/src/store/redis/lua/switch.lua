-- What the operator has set, and how the guarded system feels: G19, G20 (gate/switch.rs).
parts[#parts + 1] = function()
  local OPEN = { state = 'open', ends_at = NEVER, because = false }

  -- What is in force: the resource's own setting, else the airlock's; in an emergency that alone.
  function step.setting()
    local airlocks = spec.switch
    if spec.is_forced then return airlocks end
    if meta.switch then return meta.switch end
    return airlocks.ends_at > now and airlocks or OPEN
  end

  -- Whether newcomers are turned away, and how.
  function step.turned_away()
    local setting = step.setting()
    if setting.state ~= 'closed' and setting.state ~= 'drain' then return nil end
    return { 'refused', 'closed', setting.ends_at < NEVER and setting.ends_at - now, setting.because }
  end

  -- When those who are held up now may be let in.
  function step.serves_at()
    if meta.waiting == 0 or step.serves() then return nil end
    local held_up_until = step.held_up_until()
    return held_up_until < NEVER and held_up_until or nil
  end

  -- Until when nobody is let in, whatever room there is; past if somebody is.
  function step.held_up_until()
    local setting = step.setting()
    if setting.state == 'bypass' then return 0 end
    if setting.state == 'open' or setting.state == 'drain' then return spec.unwell_until end
    return max(setting.ends_at, spec.unwell_until)
  end

  -- Lets a newcomer in uncounted.
  function step.pass(enter)
    local anonymous = {
      id = false, node = false, identity = false, group = enter.group, weight = 0, score = enter.score,
      per_second = enter.per_second, share = enter.share, cap = enter.cap, stay = enter.stay,
    }
    return { 'admitted', step.admit(anonymous, nil, false) }
  end

  function step.set_switch(state, reopen_in, because)
    meta.switch = false
    if state then
      local ends_at = reopen_in and min(now + reopen_in, NEVER) or NEVER
      if ends_at > now then
        meta.switch = { state = state, ends_at = ends_at, because = because }
        step.expect_at(ends_at)
      end
    end
    step.look_around()
    return { 'done' }
  end
end
