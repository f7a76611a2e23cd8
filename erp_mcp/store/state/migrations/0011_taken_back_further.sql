-- A saga that could not be taken back is taken back further once a person has signed that it is to be.

-- One order for each time that it got stuck, by the fence that it had then.
CREATE TABLE take_back_order (
    proposal_id TEXT NOT NULL REFERENCES proposal (proposal_id),
    fence       INTEGER NOT NULL,
    approver_id TEXT NOT NULL,
    statement   TEXT NOT NULL,
    signature   TEXT NOT NULL,
    nonce       TEXT NOT NULL UNIQUE,
    resolved_at TEXT NOT NULL,
    made_at     TEXT NOT NULL,
    PRIMARY KEY (proposal_id, fence)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER take_back_order_no_update BEFORE UPDATE ON take_back_order
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;

CREATE TRIGGER take_back_order_no_delete BEFORE DELETE ON take_back_order
BEGIN SELECT RAISE(ABORT, 'statements are append-only'); END;

-- As before, and from where it was stuck.
DROP TRIGGER proposal_moves;

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
    'RECONCILING>PARTIALLY_COMMITTED>0', 'CLAIMED>CLAIMED>0', 'CLAIMED>COMPENSATING>0',
    'COMPENSATING>COMPENSATING>0', 'COMPENSATING>COMPENSATING>1',
    'COMPENSATING>COMPENSATED>0', 'COMPENSATING>COMPENSATION_STUCK>0', 'COMPENSATION_STUCK>COMPENSATING>0',
    'UNKNOWN>COMMITTED>0',
    'NEEDS_HUMAN>COMMITTED>0', 'COMPENSATION_STUCK>COMMITTED>0', 'UNKNOWN>NOT_APPLIED>0',
    'NEEDS_HUMAN>NOT_APPLIED>0', 'COMPENSATION_STUCK>NOT_APPLIED>0'
)
BEGIN SELECT RAISE(ABORT, 'there is no such move'); END;

CREATE TRIGGER proposal_is_ordered BEFORE UPDATE OF state ON proposal
WHEN OLD.state = 'COMPENSATION_STUCK' AND NEW.state = 'COMPENSATING'
    AND NOT EXISTS (SELECT 1 FROM take_back_order WHERE proposal_id = OLD.proposal_id AND fence = OLD.fence)
BEGIN SELECT RAISE(ABORT, 'nobody has signed that it is to be taken back'); END;

-- As before; what came to nothing before the last order says nothing against another way back, and each order lets three
-- more begin.
DROP TRIGGER proposal_is_taken_back_once;

CREATE TRIGGER proposal_is_taken_back_once BEFORE UPDATE OF state ON proposal
WHEN NEW.state = 'APPROVED' AND OLD.state = 'PROPOSED' AND OLD.part_of <> ''
    AND (instr(OLD.content, '"undoes":"' || OLD.undoes || '"') = 0
        OR EXISTS (SELECT 1 FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of AND other.proposal_id <> OLD.proposal_id
            AND other.state NOT IN ('STALE', 'NOT_APPLIED', 'EXPIRED')
            AND NOT (other.state IN ('REFUSED_BY_SYSTEM', 'DENIED', 'CANCELLED', 'REJECTED')
                AND EXISTS (SELECT 1 FROM take_back_order AS said WHERE said.proposal_id = OLD.part_of
                    AND rtrim(said.made_at, 'Z') >= rtrim(other.since, 'Z'))))
        OR (SELECT COUNT(*) FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of)
            > 3 * (1 + (SELECT COUNT(*) FROM take_back_order AS said WHERE said.proposal_id = OLD.part_of)))
BEGIN SELECT RAISE(ABORT, 'it is being taken back already'); END;
