-- Whose ticket is whose, by identity (G4).
--
-- Whoever is inside has a field for that, `i` + identity. In a line of a million such fields would be a quarter of it
-- all, so those in line, offers included, share fields: `b` + number of a bucket, with two bytes of a hash and the id of
-- the ticket for each. An identity is what somebody else chooses: a bucket that is full, because somebody has looked
-- for identities that go there, takes no more, and the next has a field of its own as well.
ledger_parts[#ledger_parts + 1] = function()
  -- In a line of a million there are a hundred and twenty in each.
  local BUCKETS, MOST = 8192, 256
  local ENTRY = 18

  -- By identity: the id of its ticket, or false; and whether a field of its own says so.
  local ids, own = {}, {}
  -- By field: what is in it.
  local buckets = {}

  -- Which bucket it goes to, and how it is known there.
  local function bucket_of(identity)
    local hash = tonumber(sub(redis.sha1hex(identity), 1, 8), 16)
    local field = 'b' .. pack('>I2', hash % BUCKETS)
    if not buckets[field] then
      local bucket = call('HGET', KEYS[1], field)
      if bucket then ledger.is_stored(field) end
      buckets[field] = bucket or ''
    end
    return field, pack('>I2', floor(hash / BUCKETS) % 65536)
  end

  -- Where in a bucket an entry starts like this, from there on.
  local function find(bucket, start, from)
    local at = string.find(bucket, start, from, true)
    while at and at % ENTRY ~= 1 do at = string.find(bucket, start, at + 1, true) end
    return at
  end

  local function in_line(identity)
    local field, mark = bucket_of(identity)
    local bucket = buckets[field]
    local at = find(bucket, mark, 1)
    while at do
      local id = sub(bucket, at + 2, at + ENTRY - 1)
      if ledger.identity(id) == identity then return id end
      at = find(bucket, mark, at + ENTRY)
    end
    return false
  end

  -- What its own field says: an id, or false where there is none.
  function ledger.keep_own(identity, id)
    own[identity] = id ~= false
    if not id then return end
    ids[identity] = id
    ledger.is_stored('i' .. identity)
  end

  -- A ticket was read that belongs to it. Whoever is inside has a field of its own.
  function ledger.keep_owner(identity, id, is_inside)
    ids[identity] = id
    if is_inside then ledger.keep_own(identity, id) end
  end

  -- The id of its ticket, or false.
  function ledger.named(identity)
    if ids[identity] == nil then
      if own[identity] == nil then ledger.keep_own(identity, call('HGET', KEYS[1], 'i' .. identity)) end
      if not own[identity] then ids[identity] = meta.waiters + meta.offers > 0 and in_line(identity) end
    end
    return ids[identity]
  end

  -- Nothing says any more that the ticket of that id is its.
  function ledger.unname(identity)
    local id = ids[identity]
    ids[identity] = false
    local field, mark, at
    if not own[identity] then
      field, mark = bucket_of(identity)
      at = find(buckets[field], mark .. id, 1)
    end
    if at then
      buckets[field] = sub(buckets[field], 1, at - 1) .. sub(buckets[field], at + ENTRY)
    else
      field = 'i' .. identity
      ledger.is_stored(field)
    end
    own[identity] = false
    ledger.change(field)
  end

  -- The ticket of that id is its from now on.
  function ledger.name(identity, id, is_inside)
    ids[identity], own[identity] = id, is_inside
    local field, mark = 'i' .. identity, nil
    if not is_inside then
      field, mark = bucket_of(identity)
      if #buckets[field] < MOST * ENTRY then
        buckets[field] = buckets[field] .. mark .. id
      else
        field, own[identity] = 'i' .. identity, true
      end
    end
    ledger.change(field)
  end

  -- What is to be written of a field, or false.
  function ledger.name_record(kind, name)
    if kind == 'i' then return own[name] and ids[name] end
    local bucket = buckets['b' .. name]
    return bucket ~= '' and bucket
  end
end
