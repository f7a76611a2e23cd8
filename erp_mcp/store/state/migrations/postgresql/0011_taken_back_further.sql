-- What the file of the same number says for the state file.

CREATE TABLE take_back_order (
    proposal_id text COLLATE "C" NOT NULL REFERENCES proposal (proposal_id),
    fence       bigint NOT NULL,
    approver_id text COLLATE "C" NOT NULL,
    statement   text COLLATE "C" NOT NULL,
    signature   text COLLATE "C" NOT NULL,
    nonce       text COLLATE "C" NOT NULL UNIQUE,
    resolved_at text COLLATE "C" NOT NULL,
    made_at     text COLLATE "C" NOT NULL,
    PRIMARY KEY (proposal_id, fence)
);

CREATE TRIGGER take_back_order_is_final BEFORE UPDATE ON take_back_order
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER take_back_order_no_delete BEFORE DELETE ON take_back_order
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER take_back_order_no_truncate BEFORE TRUNCATE ON take_back_order
FOR EACH STATEMENT EXECUTE FUNCTION refuse('statements are append-only');

DROP TRIGGER proposal_moves ON proposal;

CREATE TRIGGER proposal_moves BEFORE UPDATE OF state, fence ON proposal FOR EACH ROW
WHEN (OLD.state || '>' || NEW.state || '>' || (NEW.fence - OLD.fence) NOT IN (
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
))
EXECUTE FUNCTION refuse('there is no such move');

CREATE FUNCTION proposal_is_ordered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM take_back_order WHERE proposal_id = OLD.proposal_id AND fence = OLD.fence) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'nobody has signed that it is to be taken back';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER proposal_is_ordered BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (OLD.state = 'COMPENSATION_STUCK' AND NEW.state = 'COMPENSATING') EXECUTE FUNCTION proposal_is_ordered();

CREATE OR REPLACE FUNCTION proposal_is_taken_back_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF position('"undoes":"' || OLD.undoes || '"' IN OLD.content) = 0
        OR EXISTS (SELECT 1 FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of AND other.proposal_id <> OLD.proposal_id
            AND other.state NOT IN ('STALE', 'NOT_APPLIED', 'EXPIRED')
            AND NOT (other.state IN ('REFUSED_BY_SYSTEM', 'DENIED', 'CANCELLED', 'REJECTED')
                AND EXISTS (SELECT 1 FROM take_back_order AS said WHERE said.proposal_id = OLD.part_of
                    AND rtrim(said.made_at, 'Z') >= rtrim(other.since, 'Z'))))
        OR (SELECT COUNT(*) FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of)
            > 3 * (1 + (SELECT COUNT(*) FROM take_back_order AS said WHERE said.proposal_id = OLD.part_of))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'it is being taken back already';
    END IF;
    RETURN NEW;
END $$;
