-- Random numbers from the entropy of one command (gate/entropy.rs): xorshift over two words of 32 bits.
parts[#parts + 1] = function()
  local bxor, lshift, rshift = bit.bxor, bit.lshift, bit.rshift

  -- Signed, as the bit library has it.
  local function next_word()
    local x, y = step.x, step.y
    local t = bxor(x, lshift(x, 10))
    step.x = y
    step.y = bxor(y, rshift(y, 10), t, rshift(t, 13))
    return step.y
  end

  -- 53 bits.
  function step.bits()
    local high = next_word() % 4294967296
    return high * 2097152 + rshift(next_word(), 11)
  end

  -- At least 0 and less than 1.
  function step.unit()
    return step.bits() / 9007199254740992
  end

  -- At least 0 and less than `count`, which is not 0.
  function step.below(count)
    return min(floor(step.unit() * count), count - 1)
  end

  -- 53 bits that nobody can guess, never zero.
  function step.next_nonce()
    return max(step.bits(), 1)
  end
end
