-- What is looked up among many proposals, and what takes a step of a saga back.

-- The proposal that one takes back, empty where it takes none back; the content says it as well.
ALTER TABLE proposal ADD COLUMN undoes TEXT NOT NULL DEFAULT '';

-- In the canonical JSON of a content no quote stands bare inside a text, so this is the name itself.
UPDATE proposal SET undoes = substr(content, instr(content, '"undoes":"') + 10,
    instr(substr(content, instr(content, '"undoes":"') + 10), '"') - 1)
WHERE content LIKE '%"undoes":"prp_%';

CREATE INDEX proposal_by_undone ON proposal (undoes, proposal_id) WHERE undoes <> '';

CREATE TRIGGER proposal_undoes_is_final BEFORE UPDATE OF undoes ON proposal
BEGIN SELECT RAISE(ABORT, 'the content of a proposal is final'); END;

-- With the order in which they are asked for, so that no history of an agent is walked.
DROP INDEX proposal_by_fingerprint;
CREATE INDEX proposal_by_fingerprint ON proposal (agent, fingerprint, proposal_id);
CREATE INDEX proposal_by_agent_and_state ON proposal (agent, state, ends_at);

-- A step is taken back once: anew only where every way back before certainly wrote nothing, and three times at most. What
-- is counted by is what the content says.
CREATE TRIGGER proposal_is_taken_back_once BEFORE UPDATE OF state ON proposal
WHEN NEW.state = 'APPROVED' AND OLD.state = 'PROPOSED' AND OLD.part_of <> ''
    AND (instr(OLD.content, '"undoes":"' || OLD.undoes || '"') = 0
        OR EXISTS (SELECT 1 FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of AND other.proposal_id <> OLD.proposal_id
            AND other.state NOT IN ('STALE', 'NOT_APPLIED', 'EXPIRED'))
        OR (SELECT COUNT(*) FROM proposal AS other WHERE other.undoes = OLD.undoes AND other.undoes <> ''
            AND other.part_of = OLD.part_of) > 3)
BEGIN SELECT RAISE(ABORT, 'it is being taken back already'); END;
