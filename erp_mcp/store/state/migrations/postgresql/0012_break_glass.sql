-- What the file of the same number says for the state file.

ALTER TABLE decision DROP CONSTRAINT decision_decision_check;
ALTER TABLE decision ADD CONSTRAINT decision_decision_check
    CHECK (decision IN ('approve', 'reject', 'break_glass'));

CREATE TABLE glass (
    proposal_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES proposal (proposal_id),
    broken_at   text COLLATE "C" NOT NULL,
    due_at      text COLLATE "C" NOT NULL
);

CREATE TABLE glass_review (
    proposal_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES glass (proposal_id),
    approver_id text COLLATE "C" NOT NULL,
    verdict     text COLLATE "C" NOT NULL CHECK (verdict IN ('justified', 'not_justified')),
    statement   text COLLATE "C" NOT NULL,
    signature   text COLLATE "C" NOT NULL,
    nonce       text COLLATE "C" NOT NULL UNIQUE,
    reviewed_at text COLLATE "C" NOT NULL
);

CREATE TRIGGER glass_is_final BEFORE UPDATE ON glass
FOR EACH ROW EXECUTE FUNCTION refuse('what was broken stays broken');
CREATE TRIGGER glass_no_delete BEFORE DELETE ON glass
FOR EACH ROW EXECUTE FUNCTION refuse('what was broken stays broken');
CREATE TRIGGER glass_no_truncate BEFORE TRUNCATE ON glass
FOR EACH STATEMENT EXECUTE FUNCTION refuse('what was broken stays broken');

CREATE TRIGGER glass_review_is_final BEFORE UPDATE ON glass_review
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER glass_review_no_delete BEFORE DELETE ON glass_review
FOR EACH ROW EXECUTE FUNCTION refuse('statements are append-only');
CREATE TRIGGER glass_review_no_truncate BEFORE TRUNCATE ON glass_review
FOR EACH STATEMENT EXECUTE FUNCTION refuse('statements are append-only');

CREATE FUNCTION glass_takes_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT COUNT(*) FROM decision WHERE proposal_id = NEW.proposal_id AND decision = 'break_glass') < 2
        OR NOT EXISTS (SELECT 1 FROM proposal WHERE proposal_id = NEW.proposal_id AND state = 'AWAITING_APPROVAL'
            AND position('"break_glass":{' IN content) > 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'two people break the glass, where there is one';
    END IF;
    IF EXISTS (SELECT 1 FROM glass AS other WHERE rtrim(other.due_at, 'Z') <= rtrim(NEW.broken_at, 'Z')
        AND NOT EXISTS (SELECT 1 FROM glass_review WHERE glass_review.proposal_id = other.proposal_id)) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'a review is overdue';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER glass_takes_two BEFORE INSERT ON glass FOR EACH ROW EXECUTE FUNCTION glass_takes_two();

CREATE FUNCTION glass_review_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM decision WHERE proposal_id = NEW.proposal_id AND approver_id = NEW.approver_id
        AND decision = 'break_glass') THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'who broke the glass does not review it';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER glass_review_by_another BEFORE INSERT ON glass_review
FOR EACH ROW EXECUTE FUNCTION glass_review_by_another();

CREATE OR REPLACE FUNCTION proposal_is_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF greatest(1, OLD.needed)
        > (SELECT COUNT(*) FROM decision WHERE proposal_id = OLD.proposal_id AND decision = 'approve')
        AND NOT EXISTS (SELECT 1 FROM glass WHERE glass.proposal_id = OLD.proposal_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'too few people have said yes';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION proposal_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (
        (OLD.part_of = '' AND OLD.needed = 0 AND OLD.system = 'gateway'
            AND position('"operation":"human_task.create"' IN OLD.content) > 0)
        OR EXISTS (SELECT 1 FROM proposal AS saga WHERE saga.proposal_id = OLD.part_of
            AND saga.state
                = CASE WHEN position('"undoes":""' IN OLD.content) > 0 THEN 'CLAIMED' ELSE 'COMPENSATING' END
            AND (greatest(1, saga.needed)
                <= (SELECT COUNT(*) FROM decision WHERE proposal_id = saga.proposal_id AND decision = 'approve')
                OR EXISTS (SELECT 1 FROM glass WHERE glass.proposal_id = saga.proposal_id)))
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'only a task for a person needs nobody to say yes';
    END IF;
    RETURN NEW;
END $$;
