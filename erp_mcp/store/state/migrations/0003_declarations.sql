-- What an operator has declared about the way into a system; a system has one in force or none.
CREATE TABLE declaration (
    system      TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    target      TEXT NOT NULL,
    declared_by TEXT NOT NULL,
    account     TEXT NOT NULL,
    pathway     TEXT NOT NULL,
    declared_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
