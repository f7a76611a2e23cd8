-- What the file of the same number says for the state file.

CREATE INDEX IF NOT EXISTS proposal_by_tool ON proposal (tool, made_at);
