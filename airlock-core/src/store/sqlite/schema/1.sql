CREATE TABLE @meta (
    key TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE @airlocks (
    name TEXT NOT NULL PRIMARY KEY,
    conditions BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE @gates (
    id INTEGER PRIMARY KEY,
    airlock TEXT NOT NULL,
    resource TEXT NOT NULL,
    in_use INTEGER NOT NULL,
    offered INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    tickets INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    limit_override INTEGER,
    switch TEXT,
    switch_until INTEGER,
    switch_because TEXT,
    replenished_at INTEGER NOT NULL,
    drawn INTEGER NOT NULL,
    soonest INTEGER NOT NULL,
    pace REAL NOT NULL,
    pace_samples INTEGER NOT NULL,
    moved_at INTEGER NOT NULL,
    virtual_time REAL NOT NULL,
    period INTEGER NOT NULL,
    lanes INTEGER NOT NULL,
    groups INTEGER NOT NULL,
    last_group INTEGER NOT NULL,
    milestones INTEGER NOT NULL,
    revision INTEGER,
    limit_low INTEGER,
    limit_low_until INTEGER,
    limit_high INTEGER,
    limit_high_until INTEGER,
    strategy TEXT,
    furthest INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (airlock, resource)
) STRICT;

CREATE TABLE @tickets (
    gate INTEGER NOT NULL,
    token BLOB NOT NULL,
    state TEXT NOT NULL,
    identity TEXT,
    deadline INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    since INTEGER NOT NULL,
    weight INTEGER NOT NULL,
    attend TEXT NOT NULL,
    present_until INTEGER NOT NULL,
    score REAL NOT NULL,
    per_second REAL NOT NULL,
    lane INTEGER NOT NULL,
    sort_key INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    group_id INTEGER,
    ending TEXT,
    milestones INTEGER NOT NULL,
    PRIMARY KEY (gate, token)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX @tickets_identity ON @tickets (gate, identity) WHERE identity IS NOT NULL;
CREATE INDEX @tickets_deadline ON @tickets (gate, state, deadline, arrival);
CREATE UNIQUE INDEX @tickets_line ON @tickets (gate, lane, sort_key, arrival) WHERE state = 'waiting';
CREATE UNIQUE INDEX @tickets_inside ON @tickets (gate, fence) WHERE state IN ('offered', 'holding');

CREATE TABLE @milestones (
    gate INTEGER NOT NULL,
    level INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    sort_key INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    PRIMARY KEY (gate, level, lane, sort_key, arrival)
) STRICT, WITHOUT ROWID;

CREATE TABLE @groups (
    gate INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    in_line INTEGER NOT NULL,
    in_use INTEGER NOT NULL,
    share REAL NOT NULL,
    cap INTEGER NOT NULL,
    period INTEGER NOT NULL,
    start REAL NOT NULL,
    finish REAL NOT NULL,
    tag REAL NOT NULL,
    head INTEGER NOT NULL,
    listed INTEGER NOT NULL,
    PRIMARY KEY (gate, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX @groups_name ON @groups (gate, name);
CREATE INDEX @groups_listed ON @groups (gate, tag, head) WHERE listed = 1;
CREATE INDEX @groups_resting ON @groups (gate, period, finish)
    WHERE in_line = 0 AND in_use = 0 AND head = 0 AND finish > 0;
