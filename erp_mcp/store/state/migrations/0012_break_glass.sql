-- Two people approve in an emergency what others would have to, and a third one looks at it afterwards.

-- As before, and a yes in an emergency is a decision of its own: it adds nothing to any other. What looks at decisions is
-- made anew with them.
DROP TRIGGER proposal_is_approved;
DROP TRIGGER proposal_is_allowed;

CREATE TABLE decision_anew (
    proposal_id TEXT NOT NULL REFERENCES proposal (proposal_id),
    approver_id TEXT NOT NULL,
    decision    TEXT NOT NULL CHECK (decision IN ('approve', 'reject', 'break_glass')),
    envelope    TEXT NOT NULL,
    signature   TEXT NOT NULL,
    nonce       TEXT NOT NULL UNIQUE,
    decided_at  TEXT NOT NULL,
    PRIMARY KEY (proposal_id, approver_id)
) STRICT, WITHOUT ROWID;

INSERT INTO decision_anew (proposal_id, approver_id, decision, envelope, signature, nonce, decided_at)
SELECT proposal_id, approver_id, decision, envelope, signature, nonce, decided_at FROM decision;

DROP TABLE decision;
ALTER TABLE decision_anew RENAME TO decision;

CREATE INDEX decision_by_approver ON decision (approver_id, decided_at);

CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

-- What was approved so, since when, and until when somebody has to look at it.
CREATE TABLE glass (
    proposal_id TEXT NOT NULL PRIMARY KEY REFERENCES proposal (proposal_id),
    broken_at   TEXT NOT NULL,
    due_at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What they found.
CREATE TABLE glass_review (
    proposal_id TEXT NOT NULL PRIMARY KEY REFERENCES glass (proposal_id),
    approver_id TEXT NOT NULL,
    verdict     TEXT NOT NULL CHECK (verdict IN ('justified', 'not_justified')),
    statement   TEXT NOT NULL,
    signature   TEXT NOT NULL,
    nonce       TEXT NOT NULL UNIQUE,
    reviewed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER glass_no_update BEFORE UPDATE ON glass
BEGIN SELECT RAISE(ABORT, 'what was broken stays broken'); END;

CREATE TRIGGER glass_no_delete BEFORE DELETE ON glass
BEGIN SELECT RAISE(ABORT, 'what was broken stays broken'); END;

CREATE TRIGGER glass_review_no_update BEFORE UPDATE ON glass_review
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;

CREATE TRIGGER glass_review_no_delete BEFORE DELETE ON glass_review
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;

CREATE TRIGGER glass_takes_two BEFORE INSERT ON glass
WHEN (SELECT COUNT(*) FROM decision WHERE proposal_id = NEW.proposal_id AND decision = 'break_glass') < 2
    OR NOT EXISTS (SELECT 1 FROM proposal WHERE proposal_id = NEW.proposal_id AND state = 'AWAITING_APPROVAL'
        AND instr(content, '"break_glass":{') > 0)
BEGIN SELECT RAISE(ABORT, 'two people break the glass, where there is one'); END;

CREATE TRIGGER glass_waits_for_reviews BEFORE INSERT ON glass
WHEN EXISTS (SELECT 1 FROM glass AS other WHERE rtrim(other.due_at, 'Z') <= rtrim(NEW.broken_at, 'Z')
    AND NOT EXISTS (SELECT 1 FROM glass_review WHERE glass_review.proposal_id = other.proposal_id))
BEGIN SELECT RAISE(ABORT, 'a review is overdue'); END;

CREATE TRIGGER glass_review_by_another BEFORE INSERT ON glass_review
WHEN EXISTS (SELECT 1 FROM decision WHERE proposal_id = NEW.proposal_id AND approver_id = NEW.approver_id
    AND decision = 'break_glass')
BEGIN SELECT RAISE(ABORT, 'who broke the glass does not review it'); END;

CREATE TRIGGER proposal_is_approved BEFORE UPDATE OF state ON proposal
WHEN NEW.state = 'APPROVED' AND OLD.state = 'AWAITING_APPROVAL' AND max(1, OLD.needed)
    > (SELECT COUNT(*) FROM decision WHERE proposal_id = OLD.proposal_id AND decision = 'approve')
    AND NOT EXISTS (SELECT 1 FROM glass WHERE glass.proposal_id = OLD.proposal_id)
BEGIN SELECT RAISE(ABORT, 'too few people have said yes'); END;

CREATE TRIGGER proposal_is_allowed BEFORE UPDATE OF state ON proposal
WHEN NEW.state = 'APPROVED' AND OLD.state = 'PROPOSED' AND NOT (
    (OLD.part_of = '' AND OLD.needed = 0 AND OLD.system = 'gateway'
        AND instr(OLD.content, '"operation":"human_task.create"') > 0)
    OR EXISTS (SELECT 1 FROM proposal AS saga WHERE saga.proposal_id = OLD.part_of
        AND saga.state = CASE WHEN instr(OLD.content, '"undoes":""') > 0 THEN 'CLAIMED' ELSE 'COMPENSATING' END
        AND (max(1, saga.needed)
            <= (SELECT COUNT(*) FROM decision WHERE proposal_id = saga.proposal_id AND decision = 'approve')
            OR EXISTS (SELECT 1 FROM glass WHERE glass.proposal_id = saga.proposal_id)))
)
BEGIN SELECT RAISE(ABORT, 'only a task for a person needs nobody to say yes'); END;
