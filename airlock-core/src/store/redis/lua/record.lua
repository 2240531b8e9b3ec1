-- How records and commands are packed: fixed widths, most significant byte first, so that no number becomes text.

-- A ticket: state and how it is attended in a letter (`w`aiting, `o`ffered, `h`olding, `s`pent; large where a future
-- attends it), which of the following there are, arrival, from then to the deadline. Then what is not as it is with
-- most:
--   128 fence and since (not 0)       1 weight (not 1)              2 score and per second (not 0)
--     4 present until, nonce          8 group, lane (not 0)        16 ending (not `released`)
--    32 the node that attends it     64 the deadline, where it is before the arrival or 2^40 later
-- and at the end the identity. A line of a million is mostly this record: who just waits has 14 bytes and an identity.
local TICKET = '>c1BI7I5'
local FAR = 1099511627776
-- A deadline in the sorted set: in seven bytes, the first of which is its upper five bits and what is due. A member
-- that ends within 30 bytes takes 16 less.
local UPPER = 281474976710656
local HOLDS = 120
-- The gate's own record, what every call needs: version, whether nothing in it matters but who is inside, what is
-- spent and the limit, arrival, fence, held, holders, spent, soonest, furthest, floor, expires at, override + 1,
-- whether nodes are agreed, revision, low, its end, strategy
local OWN = '>BBI7I7I7I7I7I7I7I7I7I5BI7I4I7Bc0'
-- And behind it, unless all of that is as in a new gate: waiting, offered, replenished at, drawn, pace, pace samples,
-- moved at, virtual time, period, lanes, last group, groups, listed, resting, offers, waiters, whether there is a
-- high, high, its end, switch, its end, its reason
local REST = '>I7I7I7I7dI2I7dI4I7I7I7I7I7I7I7BI4I7Bc0I7BI4c0'
local LAYOUT = 1

-- A command: verb, ticket id, identity (empty where there is none); then fence and two words of entropy; then its own.
local WHO = '>c1Bc0I2c0'
local AND = '>I7I4I4'
local AND_BYTES = 15
-- Who enters: how it stays, weight, score, per second; and then: share, cap, node, group
local ENTER = '>c1I4dd'
local ENTER_FOR = '>dI4Bc0I2c0'
