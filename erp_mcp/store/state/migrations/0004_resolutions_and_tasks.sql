-- What an operator signed of a change whose outcome nobody knew: it is there, or it is not. One statement a proposal.
CREATE TABLE resolution (
    proposal_id TEXT NOT NULL PRIMARY KEY REFERENCES proposal (proposal_id),
    approver_id TEXT NOT NULL,
    verdict     TEXT NOT NULL CHECK (verdict IN ('applied', 'not_applied')),
    statement   TEXT NOT NULL,
    signature   TEXT NOT NULL,
    nonce       TEXT NOT NULL UNIQUE,
    resolved_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER resolution_no_update BEFORE UPDATE ON resolution
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;

CREATE TRIGGER resolution_no_delete BEFORE DELETE ON resolution
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;

-- What a person is asked to do: our own tasks, made by proposals and closed by people.
CREATE TABLE human_task (
    task_id      TEXT NOT NULL PRIMARY KEY,
    reference    TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    site         TEXT NOT NULL,
    role         TEXT NOT NULL,
    title        TEXT NOT NULL,
    instructions TEXT NOT NULL,
    evidence     TEXT NOT NULL,
    subject      TEXT NOT NULL,
    due          TEXT NOT NULL,
    made_at      TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'DONE', 'CANCELLED')),
    closed_by    TEXT NOT NULL DEFAULT '',
    closed_at    TEXT NOT NULL DEFAULT '',
    note         TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX human_task_by_state ON human_task (state, due, task_id);

CREATE TRIGGER human_task_is_final
BEFORE UPDATE OF task_id, reference, kind, site, role, title, instructions, evidence, subject, due, made_at ON human_task
BEGIN SELECT RAISE(ABORT, 'what was asked for is final'); END;

CREATE TRIGGER human_task_is_closed_once BEFORE UPDATE ON human_task WHEN OLD.state <> 'OPEN'
BEGIN SELECT RAISE(ABORT, 'a closed task stays closed'); END;

CREATE TRIGGER human_task_no_delete BEFORE DELETE ON human_task
BEGIN SELECT RAISE(ABORT, 'tasks are kept'); END;

-- How long an outage may hold up what was approved, beyond its time; empty where it does not.
ALTER TABLE proposal ADD COLUMN paused_until TEXT NOT NULL DEFAULT '';
-- How many people have to say yes; the content says it as well, and is what they sign.
ALTER TABLE proposal ADD COLUMN needed INTEGER NOT NULL DEFAULT 1 CHECK (needed >= 0);

CREATE TRIGGER proposal_needed_is_final BEFORE UPDATE OF needed ON proposal
BEGIN SELECT RAISE(ABORT, 'the content of a proposal is final'); END;

-- The moves of a proposal, whatever code asks: from, to, and by how much the fence rises.
CREATE TRIGGER proposal_begins BEFORE INSERT ON proposal
WHEN NEW.state <> 'PROPOSED' OR NEW.fence <> 0 OR NEW.receipt <> ''
BEGIN SELECT RAISE(ABORT, 'a proposal begins as proposed'); END;

CREATE TRIGGER proposal_moves BEFORE UPDATE OF state, fence ON proposal
WHEN OLD.state || '>' || NEW.state || '>' || (NEW.fence - OLD.fence) NOT IN (
    'PROPOSED>AWAITING_APPROVAL>0', 'PROPOSED>APPROVED>0', 'PROPOSED>DENIED>0', 'AWAITING_APPROVAL>APPROVED>0',
    'AWAITING_APPROVAL>REJECTED>0', 'AWAITING_APPROVAL>CANCELLED>0', 'AWAITING_APPROVAL>EXPIRED>0',
    'APPROVED>CANCELLED>0', 'APPROVED>EXPIRED>0', 'APPROVED>CLAIMED>1', 'CLAIMED>CLAIMED>1', 'CLAIMED>APPROVED>0',
    'CLAIMED>EXPIRED>0', 'CLAIMED>DENIED>0', 'CLAIMED>STALE>0', 'CLAIMED>NEEDS_HUMAN>0', 'CLAIMED>SENDING>0',
    'CLAIMED>COMMITTED>0', 'SENDING>COMMITTED>0', 'SENDING>REFUSED_BY_SYSTEM>0', 'SENDING>STALE>0',
    'SENDING>APPROVED>0', 'SENDING>UNKNOWN>0', 'SENDING>UNKNOWN>1', 'UNKNOWN>RECONCILING>1',
    'RECONCILING>RECONCILING>1', 'RECONCILING>COMMITTED>0', 'RECONCILING>NOT_APPLIED>0', 'RECONCILING>NEEDS_HUMAN>0',
    'RECONCILING>UNKNOWN>0', 'SENDING>AWAITING_ACK>0', 'AWAITING_ACK>RECONCILING>1', 'RECONCILING>AWAITING_ACK>0',
    'RECONCILING>REFUSED_BY_SYSTEM>0', 'CLAIMED>PARTIALLY_COMMITTED>0', 'SENDING>PARTIALLY_COMMITTED>0',
    'RECONCILING>PARTIALLY_COMMITTED>0', 'CLAIMED>COMPENSATING>0', 'COMPENSATING>COMPENSATING>1',
    'COMPENSATING>COMPENSATED>0', 'COMPENSATING>COMPENSATION_STUCK>0', 'UNKNOWN>COMMITTED>0',
    'NEEDS_HUMAN>COMMITTED>0', 'COMPENSATION_STUCK>COMMITTED>0', 'UNKNOWN>NOT_APPLIED>0',
    'NEEDS_HUMAN>NOT_APPLIED>0', 'COMPENSATION_STUCK>NOT_APPLIED>0'
)
BEGIN SELECT RAISE(ABORT, 'there is no such move'); END;

CREATE TRIGGER proposal_is_approved BEFORE UPDATE OF state ON proposal
WHEN NEW.state = 'APPROVED' AND OLD.state = 'AWAITING_APPROVAL' AND max(1, OLD.needed)
    > (SELECT COUNT(*) FROM decision WHERE proposal_id = OLD.proposal_id AND decision = 'approve')
BEGIN SELECT RAISE(ABORT, 'too few people have said yes'); END;

CREATE TRIGGER proposal_is_allowed BEFORE UPDATE OF state ON proposal
WHEN NEW.state = 'APPROVED' AND OLD.state = 'PROPOSED' AND (OLD.needed <> 0 OR OLD.system <> 'gateway'
    OR instr(OLD.content, '"operation":"human_task.create"') = 0)
BEGIN SELECT RAISE(ABORT, 'only a task for a person needs nobody to say yes'); END;

CREATE TRIGGER proposal_is_written BEFORE UPDATE OF state ON proposal
WHEN NEW.state IN ('COMMITTED', 'PARTIALLY_COMMITTED') AND NEW.receipt = ''
BEGIN SELECT RAISE(ABORT, 'what was written has a receipt'); END;

CREATE TRIGGER proposal_is_resolved BEFORE UPDATE OF state ON proposal
WHEN OLD.state IN ('UNKNOWN', 'NEEDS_HUMAN', 'COMPENSATION_STUCK') AND NEW.state IN ('COMMITTED', 'NOT_APPLIED')
    AND NOT EXISTS (SELECT 1 FROM resolution WHERE proposal_id = OLD.proposal_id
        AND verdict = CASE NEW.state WHEN 'COMMITTED' THEN 'applied' ELSE 'not_applied' END)
BEGIN SELECT RAISE(ABORT, 'nobody has signed what they found'); END;

CREATE TRIGGER proposal_receipt_is_final BEFORE UPDATE OF receipt ON proposal
WHEN OLD.receipt <> '' AND NEW.receipt <> OLD.receipt
BEGIN SELECT RAISE(ABORT, 'a receipt is final'); END;
