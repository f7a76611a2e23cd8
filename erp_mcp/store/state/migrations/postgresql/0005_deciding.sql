-- What the file of the same number says for the state file.

CREATE INDEX decision_by_approver ON decision (approver_id, decided_at);

CREATE TABLE taint (
    agent   text COLLATE "C" PRIMARY KEY,
    read_at text COLLATE "C" NOT NULL,
    fields  text COLLATE "C" NOT NULL
);

CREATE TRIGGER taint_only_later BEFORE UPDATE ON taint
FOR EACH ROW WHEN (NEW.read_at < OLD.read_at OR NEW.agent <> OLD.agent)
EXECUTE FUNCTION refuse('what was read stays read');
CREATE TRIGGER taint_no_delete BEFORE DELETE ON taint
FOR EACH ROW EXECUTE FUNCTION refuse('what was read stays read');
CREATE TRIGGER taint_no_truncate BEFORE TRUNCATE ON taint
FOR EACH STATEMENT EXECUTE FUNCTION refuse('what was read stays read');

CREATE TABLE taint_clearing (
    nonce      text COLLATE "C" PRIMARY KEY,
    agent      text COLLATE "C" NOT NULL,
    statement  text COLLATE "C" NOT NULL,
    signer     text COLLATE "C" NOT NULL,
    signature  text COLLATE "C" NOT NULL,
    cleared_at text COLLATE "C" NOT NULL
);

CREATE INDEX taint_clearing_by_agent ON taint_clearing (agent, cleared_at);

CREATE TRIGGER taint_clearing_is_final BEFORE UPDATE ON taint_clearing
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER taint_clearing_no_delete BEFORE DELETE ON taint_clearing
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER taint_clearing_no_truncate BEFORE TRUNCATE ON taint_clearing
FOR EACH STATEMENT EXECUTE FUNCTION refuse('statements are append-only');
