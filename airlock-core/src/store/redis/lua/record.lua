-- How records and commands are packed: fixed widths, most significant byte first, so that no number becomes text.

-- state, attend, weight, group, lane, score, per second, arrival, fence, deadline, present until, since, nonce, ending,
-- node, identity
local TICKET = '>Bc0c4I4I7I7ddI7I7I7I7I7I7Bc0Bc0I2c0'
-- The gate's own record, what every call needs: version, whether nothing in it matters but who is inside, what is spent and
-- the limit, arrival, fence, held, holders, spent, soonest, furthest, floor, expires at, override + 1, whether nodes are
-- agreed, revision, low, its end, strategy
local OWN = '>BBI7I7I7I7I7I7I7I7I7I5BI7I4I7Bc0'
-- And behind it, unless all of that is as in a new gate: waiting, offered, replenished at, drawn, pace, pace samples, moved
-- at, virtual time, period, lanes, last group, groups, listed, resting, offers, waiters, whether there is a high, high, its
-- end, switch, its end, its reason
local REST = '>I7I7I7I7dBI7dI4I7I7I7I7I7I7I7BI4I7Bc0I7BI4c0'
local LAYOUT = 1

-- A command: verb, ticket id, identity (empty where there is none), fence, two words of entropy; then what is its own.
local COMMAND = '>c1Bc0I2c0I7I4I4'
-- Who enters: how it stays, weight, score, per second, share, cap, node, group
local ENTER = '>c1I4dddI4Bc0I2c0'
