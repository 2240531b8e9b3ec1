-- The records of groups, and where they stand among each other (gate/ledger.rs).
ledger_parts[#ledger_parts + 1] = function()
  -- in line, in use, share, cap, period, start, finish, tag, head, listed, name
  local GROUP = '>I7I7dI4I4dddI7BI2c0'

  -- By number: { group, name, listed, resting }; and the numbers by name.
  local groups, group_numbers = {}, {}

  local function keep_group(number, bytes)
    local group = {}
    local entry = { group = group }
    local listed
    group.in_line, group.in_use, group.share, group.cap, group.period, group.start, group.finish, group.tag, group.head,
      listed, entry.name = parse(GROUP, bytes)
    group.listed = listed == 1
    entry.listed, entry.resting = ledger.group_members(number, group)
    ledger.is_stored('r' .. pack('>I7', number))
    ledger.is_stored('n' .. entry.name)
    group_numbers[entry.name] = number
    groups[number] = entry
    return entry
  end

  local function group_entry(number)
    return groups[number] or keep_group(number, call('HGET', KEYS[1], 'r' .. pack('>I7', number)))
  end

  local function is_absent(group)
    return group.in_line == 0 and group.in_use == 0 and group.head == 0
  end

  -- Where it is in the indexes of groups.
  function ledger.group_members(number, group)
    local listed = group.listed and pack('>c1c8I7I7', 'l', ledger.sortable(group.tag), group.head, number) or nil
    local resting = nil
    if is_absent(group) and group.finish > 0 then
      resting = pack('>c1I4c8I7', 'r', group.period, ledger.sortable(group.finish), number)
    end
    return listed, resting
  end

  -- The number of the group of that name; made when there is none.
  function ledger.group(name)
    local number = group_numbers[name]
    if number == nil then
      local bytes = call('HGET', KEYS[1], 'n' .. name)
      number = bytes and parse('>I7', bytes)
    end
    if not number then
      number = meta.last_group + 1
      meta.last_group = number
      meta.groups = meta.groups + 1
      groups[number] = { name = name, group = ledger.no_group() }
      ledger.change('n' .. name)
      ledger.change('r' .. pack('>I7', number))
    end
    group_numbers[name] = number
    return number
  end

  function ledger.no_group()
    return {
      in_line = 0, in_use = 0, share = 0, cap = 0, period = 0, start = 0, finish = 0, tag = 0, head = 0, listed = false,
    }
  end

  function ledger.read_group(number)
    return group_entry(number).group
  end

  local function move_group(old, new, counter)
    if old == new then return end
    if old then
      ledger.drop(old)
      meta[counter] = meta[counter] - 1
    end
    if new then
      ledger.put(new)
      meta[counter] = meta[counter] + 1
    end
  end

  -- One that is empty is forgotten.
  function ledger.write_group(number, group)
    local entry = group_entry(number)
    if entry.forgotten then return end
    local listed, resting = ledger.group_members(number, group)
    move_group(entry.listed, listed, 'listed')
    move_group(entry.resting, resting, 'resting')
    entry.group, entry.listed, entry.resting = group, listed, resting
    ledger.change('r' .. pack('>I7', number))
    if is_absent(group) and group.finish == 0 then
      group_numbers[entry.name] = false
      ledger.change('n' .. entry.name)
      entry.forgotten = true
      meta.groups = meta.groups - 1
    end
  end

  function ledger.first_listed()
    if meta.listed == 0 then return nil end
    return (parse('>I7', ledger.first('l', 'm'), 17))
  end

  function ledger.first_resting()
    if meta.resting == 0 then return nil end
    return (parse('>I7', ledger.first('r', 's'), 14))
  end


  function ledger.forget_groups()
    groups, group_numbers = {}, {}
  end

  -- What is to be written of a group, or false.
  function ledger.group_record(kind, name)
    if kind == 'n' then return group_numbers[name] and pack('>I7', group_numbers[name]) end
    local entry = groups[parse('>I7', name)]
    if entry.forgotten then return false end
    local group = entry.group
    return pack(
      GROUP, group.in_line, group.in_use, group.share, group.cap, group.period, group.start, group.finish, group.tag,
      group.head, group.listed and 1 or 0, #entry.name, entry.name
    )
  end
end
