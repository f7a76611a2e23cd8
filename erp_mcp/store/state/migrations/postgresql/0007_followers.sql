-- How far readers of events have come; see the state file's 0007.

CREATE TABLE follower (
    name     text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL CHECK (position >= 0)
);
