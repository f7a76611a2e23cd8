-- What the file of the same number says for the state file.

ALTER TABLE proposal ADD COLUMN part_of text COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX proposal_by_saga ON proposal (part_of, proposal_id) WHERE part_of <> '';

CREATE TRIGGER proposal_part_is_final BEFORE UPDATE OF part_of ON proposal
FOR EACH ROW EXECUTE FUNCTION refuse('the content of a proposal is final');

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
    'COMPENSATING>COMPENSATED>0', 'COMPENSATING>COMPENSATION_STUCK>0', 'UNKNOWN>COMMITTED>0',
    'NEEDS_HUMAN>COMMITTED>0', 'COMPENSATION_STUCK>COMMITTED>0', 'UNKNOWN>NOT_APPLIED>0',
    'NEEDS_HUMAN>NOT_APPLIED>0', 'COMPENSATION_STUCK>NOT_APPLIED>0'
))
EXECUTE FUNCTION refuse('there is no such move');

DROP TRIGGER proposal_is_allowed ON proposal;

CREATE FUNCTION proposal_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (
        (OLD.part_of = '' AND OLD.needed = 0 AND OLD.system = 'gateway'
            AND position('"operation":"human_task.create"' IN OLD.content) > 0)
        OR EXISTS (SELECT 1 FROM proposal AS saga WHERE saga.proposal_id = OLD.part_of
            AND saga.state
                = CASE WHEN position('"undoes":""' IN OLD.content) > 0 THEN 'CLAIMED' ELSE 'COMPENSATING' END
            AND greatest(1, saga.needed)
                <= (SELECT COUNT(*) FROM decision WHERE proposal_id = saga.proposal_id AND decision = 'approve'))
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'only a task for a person needs nobody to say yes';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER proposal_is_allowed BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (NEW.state = 'APPROVED' AND OLD.state = 'PROPOSED') EXECUTE FUNCTION proposal_is_allowed();

CREATE FUNCTION proposal_saga_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM proposal AS part WHERE part.part_of = OLD.proposal_id)
        OR EXISTS (SELECT 1 FROM proposal AS part WHERE part.part_of = OLD.proposal_id AND part.state <> 'COMMITTED')
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a saga is written when each of its steps is';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER proposal_saga_is_whole BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (OLD.state = 'CLAIMED' AND NEW.state = 'COMMITTED'
    AND position('"operation":"saga.carry_out"' IN OLD.content) > 0)
EXECUTE FUNCTION proposal_saga_is_whole();
