-- What the file of the same number says for the state file.

ALTER TABLE proposal ADD COLUMN undoes text COLLATE "C" NOT NULL DEFAULT '';

UPDATE proposal SET undoes = substring(content FROM '"undoes":"(prp_[0-9A-Za-z]+)"')
WHERE content ~ '"undoes":"prp_[0-9A-Za-z]+"';

CREATE INDEX proposal_by_undone ON proposal (undoes, proposal_id) WHERE undoes <> '';

CREATE TRIGGER proposal_undoes_is_final BEFORE UPDATE OF undoes ON proposal
FOR EACH ROW EXECUTE FUNCTION refuse('the content of a proposal is final');

DROP INDEX proposal_by_fingerprint;
CREATE INDEX proposal_by_fingerprint ON proposal (agent, fingerprint, proposal_id);
CREATE INDEX proposal_by_agent_and_state ON proposal (agent, state, ends_at);

CREATE FUNCTION proposal_is_taken_back_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF position('"undoes":"' || OLD.undoes || '"' IN OLD.content) = 0
        OR EXISTS (SELECT 1 FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of AND other.proposal_id <> OLD.proposal_id
            AND other.state NOT IN ('STALE', 'NOT_APPLIED', 'EXPIRED'))
        OR (SELECT COUNT(*) FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of) > 3
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'it is being taken back already';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER proposal_is_taken_back_once BEFORE UPDATE OF state ON proposal FOR EACH ROW
WHEN (NEW.state = 'APPROVED' AND OLD.state = 'PROPOSED' AND OLD.part_of <> '')
EXECUTE FUNCTION proposal_is_taken_back_once();
