-- What the file of the same number says for the state file.

CREATE TABLE resolution (
    proposal_id text COLLATE "C" PRIMARY KEY REFERENCES proposal (proposal_id),
    approver_id text COLLATE "C" NOT NULL,
    verdict     text COLLATE "C" NOT NULL CHECK (verdict IN ('applied', 'not_applied')),
    statement   text COLLATE "C" NOT NULL,
    signature   text COLLATE "C" NOT NULL,
    nonce       text COLLATE "C" NOT NULL UNIQUE,
    resolved_at text COLLATE "C" NOT NULL
);

CREATE TRIGGER resolution_is_final BEFORE UPDATE ON resolution
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER resolution_no_delete BEFORE DELETE ON resolution
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER resolution_no_truncate BEFORE TRUNCATE ON resolution
FOR EACH STATEMENT EXECUTE FUNCTION refuse('statements are append-only');

CREATE TABLE human_task (
    task_id      text COLLATE "C" PRIMARY KEY,
    reference    text COLLATE "C" NOT NULL UNIQUE,
    kind         text COLLATE "C" NOT NULL,
    site         text COLLATE "C" NOT NULL,
    role         text COLLATE "C" NOT NULL,
    title        text COLLATE "C" NOT NULL,
    instructions text COLLATE "C" NOT NULL,
    evidence     text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    due          text COLLATE "C" NOT NULL,
    made_at      text COLLATE "C" NOT NULL,
    state        text COLLATE "C" NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'DONE', 'CANCELLED')),
    closed_by    text COLLATE "C" NOT NULL DEFAULT '',
    closed_at    text COLLATE "C" NOT NULL DEFAULT '',
    note         text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE INDEX human_task_by_state ON human_task (state, due, task_id);

CREATE TRIGGER human_task_is_final
BEFORE UPDATE OF task_id, reference, kind, site, role, title, instructions, evidence, subject, due, made_at ON human_task
FOR EACH ROW EXECUTE FUNCTION refuse('what was asked for is final');
CREATE TRIGGER human_task_is_closed_once BEFORE UPDATE ON human_task FOR EACH ROW WHEN (OLD.state <> 'OPEN')
EXECUTE FUNCTION refuse('a closed task stays closed');
CREATE TRIGGER human_task_no_delete BEFORE DELETE ON human_task
FOR EACH ROW EXECUTE FUNCTION refuse('tasks are kept');
CREATE TRIGGER human_task_no_truncate BEFORE TRUNCATE ON human_task
FOR EACH STATEMENT EXECUTE FUNCTION refuse('tasks are kept');

ALTER TABLE proposal ADD COLUMN paused_until text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE proposal ADD COLUMN needed bigint NOT NULL DEFAULT 1 CHECK (needed >= 0);

CREATE TRIGGER proposal_needed_is_final BEFORE UPDATE OF needed ON proposal
FOR EACH ROW EXECUTE FUNCTION refuse('the content of a proposal is final');

CREATE TRIGGER proposal_begins BEFORE INSERT ON proposal FOR EACH ROW
WHEN (NEW.state <> 'PROPOSED' OR NEW.fence <> 0 OR NEW.receipt <> '')
EXECUTE FUNCTION refuse('a proposal begins as proposed');

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
    'RECONCILING>PARTIALLY_COMMITTED>0', 'CLAIMED>COMPENSATING>0', 'COMPENSATING>COMPENSATING>1',
    'COMPENSATING>COMPENSATED>0', 'COMPENSATING>COMPENSATION_STUCK>0', 'UNKNOWN>COMMITTED>0',
    'NEEDS_HUMAN>COMMITTED>0', 'COMPENSATION_STUCK>COMMITTED>0', 'UNKNOWN>NOT_APPLIED>0',
    'NEEDS_HUMAN>NOT_APPLIED>0', 'COMPENSATION_STUCK>NOT_APPLIED>0'
))
EXECUTE FUNCTION refuse('there is no such move');

CREATE FUNCTION proposal_is_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF greatest(1, OLD.needed)
        > (SELECT COUNT(*) FROM decision WHERE proposal_id = OLD.proposal_id AND decision = 'approve') THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'too few people have said yes';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER proposal_is_approved BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (NEW.state = 'APPROVED' AND OLD.state = 'AWAITING_APPROVAL') EXECUTE FUNCTION proposal_is_approved();

CREATE TRIGGER proposal_is_allowed BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (NEW.state = 'APPROVED' AND OLD.state = 'PROPOSED' AND (OLD.needed <> 0 OR OLD.system <> 'gateway'
    OR position('"operation":"human_task.create"' IN OLD.content) = 0))
EXECUTE FUNCTION refuse('only a task for a person needs nobody to say yes');

CREATE TRIGGER proposal_is_written BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (NEW.state IN ('COMMITTED', 'PARTIALLY_COMMITTED') AND NEW.receipt = '')
EXECUTE FUNCTION refuse('what was written has a receipt');

CREATE FUNCTION proposal_is_resolved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM resolution WHERE proposal_id = OLD.proposal_id
        AND verdict = CASE NEW.state WHEN 'COMMITTED' THEN 'applied' ELSE 'not_applied' END) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'nobody has signed what they found';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER proposal_is_resolved BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (OLD.state IN ('UNKNOWN', 'NEEDS_HUMAN', 'COMPENSATION_STUCK') AND NEW.state IN ('COMMITTED', 'NOT_APPLIED'))
EXECUTE FUNCTION proposal_is_resolved();

CREATE TRIGGER proposal_receipt_is_final BEFORE UPDATE OF receipt ON proposal FOR EACH ROW
WHEN (OLD.receipt <> '' AND NEW.receipt <> OLD.receipt)
EXECUTE FUNCTION refuse('a receipt is final');
