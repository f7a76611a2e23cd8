-- How far readers of events have come; a position only goes forward.

CREATE TABLE follower (
    name     TEXT PRIMARY KEY,
    position INTEGER NOT NULL CHECK (position >= 0)
) STRICT, WITHOUT ROWID;
