-- Lotteries: who of those who wait is drawn (gate/draw.rs).
parts[#parts + 1] = function()
  -- How often the weight may halve from the longest wait to the shortest before what is left is one range.
  local RANGES = 32
  -- A draw from a range is accepted at least every other time; this often it is never refused.
  local DRAWS = 128
  -- How long the waiter at that index has waited.
  local function waited(position)
    local _, arrival = ledger.nth(position)
    return max(now - arrival, 0)
  end

  -- Who is next in a lottery. A draw that does not fit stays drawn until it is in or gone (G5).
  function step.draw()
    local id = step.drawn()
    if id then return id end
    local waiting = meta.waiting
    if waiting == 0 then return nil end
    local position
    if step.pick == 'uniform' then
      local overdue = step.overdue and waited(0) >= step.overdue
      position = overdue and 0 or step.below(waiting)
    else
      position = step.draw_by_age(waiting)
    end
    id, meta.drawn = ledger.nth(position)
    return id
  end

  -- Whoever was drawn before and waits still.
  function step.drawn()
    if meta.drawn == 0 then return nil end
    local id, arrival = ledger.nth(ledger.rank(0, 0, meta.drawn))
    return arrival == meta.drawn and id or nil
  end

  local function weight_after(micros)
    return min(step.base + step.growth * (micros / 1e6), step.top)
  end

  -- How many waiters have at least half that weight, counted from the head.
  local function halved_after(first, top)
    local half = top / 2
    if half <= step.base or step.growth == 0 then return math.huge end
    local age = floor((half - step.base) / step.growth * 1e6)
    -- Who arrived later than this has waited less than that.
    return max(ledger.rank(0, 0, max(now - age, 0) + 1), first)
  end

  function step.draw_by_age(waiting)
    local ranges = {}
    local first, total = 0, 0
    local top = weight_after(waited(0))
    while first < waiting and #ranges < RANGES do
      local ends = halved_after(first, top)
      if ends == first then
        -- Nobody weighs between that and its half: go on with whoever comes next.
        top = weight_after(waited(first))
        ends = max(halved_after(first, top), first + 1)
      end
      ends = #ranges + 1 == RANGES and waiting or min(ends, waiting)
      local count = ends - first
      ranges[#ranges + 1] = { first = first, count = count, top = top }
      total = total + count * top
      first = ends
      -- What follows has waited for less than it takes to weigh half.
      top = top / 2
    end
    local position
    for _ = 1, DRAWS do
      local point = step.unit() * total
      local range
      for i = 1, #ranges do
        range = ranges[i]
        point = point - range.count * range.top
        if point < 0 then break end
      end
      position = range.first + step.below(range.count)
      if step.unit() * range.top < weight_after(waited(position)) then break end
    end
    return position
  end
end
