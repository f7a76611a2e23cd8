-- What a person said yes to before, newest first.
CREATE INDEX decision_by_approver ON decision (approver_id, decided_at);

-- When an agent last read text that outsiders wrote, and in which fields.
CREATE TABLE taint (
    agent   TEXT NOT NULL PRIMARY KEY,
    read_at TEXT NOT NULL,
    fields  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER taint_only_later BEFORE UPDATE ON taint WHEN NEW.read_at < OLD.read_at OR NEW.agent <> OLD.agent
BEGIN SELECT RAISE(ABORT, 'what was read stays read'); END;

CREATE TRIGGER taint_no_delete BEFORE DELETE ON taint
BEGIN SELECT RAISE(ABORT, 'what was read stays read'); END;

-- An approver's signed word that what an agent has read until then is of no concern.
CREATE TABLE taint_clearing (
    nonce      TEXT NOT NULL PRIMARY KEY,
    agent      TEXT NOT NULL,
    statement  TEXT NOT NULL,
    signer     TEXT NOT NULL,
    signature  TEXT NOT NULL,
    cleared_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX taint_clearing_by_agent ON taint_clearing (agent, cleared_at);

CREATE TRIGGER taint_clearing_no_update BEFORE UPDATE ON taint_clearing
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;

CREATE TRIGGER taint_clearing_no_delete BEFORE DELETE ON taint_clearing
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;
