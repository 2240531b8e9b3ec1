-- The gate, for Redis: commands to one resource's gate, each decided in one step. Layout version 1.
--
-- KEYS[1]  hash: `m` the gate's own record, `t` + ticket id a ticket, `i` + identity the id of its ticket, `b` + number
--          the ids of several identities' tickets (names.lua), `n` + group the number of a group, `r` + number a
--          group's record. Records are packed; see record.lua.
-- KEYS[2]  sorted set, all scores 0, ordered by bytes: the indexes. The first letter of a member says of what:
--          `K`, `L` the line, by lane, order key, arrival (`K` without lane); `i` who is inside, by fence; `l` groups that
--          may go, by tag, head; `r` groups that rest, by period, last tag; from 120 on deadlines of who holds, is
--          offered a place, is over, waits, by deadline, arrival. The line comes first, so that a rank in the set is a
--          rank in it. What a member is about is its last 16 bytes, but for groups.
-- ARGV[1]  the airlock, and what holds for all of its gates: packed, see begin.lua and spec.lua
-- ARGV[2]  the resource
-- ARGV[3…] one command each, packed: see record.lua and command.lua
--
-- Answers a MessagePack array: the time, and an array with { outcome, more, next at, effects, idle, own } for each command.
-- What is not there is false.
-- Whoever waited beside the gate on some node is told by a message to the channel of that node.
--
-- Written after `gate/`, file by file and name by name; what a function is for is said there. A ticket that was read is
-- a value: what changes is a copy of it, because who ends it still has to know what it was.

local call = redis.call
local pack, parse = struct.pack, struct.unpack
local sub = string.sub
local floor, max, min, abs = math.floor, math.max, math.min, math.abs
-- Later than every deadline, and exact as a double.
local NEVER = 9007199254740991
local RETRY_HORIZON = 60000000
