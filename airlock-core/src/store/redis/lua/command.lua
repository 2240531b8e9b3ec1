-- A command as a table. What is not there is false.
local function command_of(bytes)
  local VERBS = {
    e = 'enter', p = 'poll', l = 'look', c = 'claim', r = 'renew', a = 'adopt', t = 'restore', g = 'give-up',
    z = 'resize', s = 'switch', v = 'evict', i = 'inspect', ['-'] = 'tick',
  }
  local STAYS = { n = 'no', h = 'here', a = 'away' }
  local letter, id, identity, at = parse(WHO, bytes)
  local c = { verb = VERBS[letter], id = id ~= '' and id, identity = identity ~= '' and identity }
  c.fence, c.x, c.y, at = parse(AND, bytes, at)
  if letter == 'e' then
    local stay, node, group
    stay, c.weight, c.score, c.per_second, at = parse(ENTER, bytes, at)
    c.share, c.cap, node, group = parse(ENTER_FOR, bytes, at)
    c.stay, c.node, c.group = STAYS[stay], node ~= '' and node, group ~= '' and group
  elseif letter == 'g' then
    c.doubt = parse('B', bytes, at) == 1
  elseif letter == 'a' then
    c.detach = parse('B', bytes, at) == 1
  elseif letter == 'r' then
    local has_ttl, its_ttl = parse('>BI7', bytes, at)
    c.ttl = has_ttl == 1 and its_ttl
  elseif letter == 'c' then
    c.nonce = parse('>I7', bytes, at)
  elseif letter == 'i' then
    c.offset, c.count = parse('>I7I7', bytes, at)
  elseif letter == 'z' then
    c.limit = cmsgpack.unpack(sub(bytes, at))[1]
  elseif letter == 's' then
    local switch = cmsgpack.unpack(sub(bytes, at))
    c.state, c.reopen_in, c.because = switch[1], switch[2], switch[3]
  end
  return c
end
