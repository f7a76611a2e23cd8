-- What the file of the same number says for the state file.

CREATE INDEX IF NOT EXISTS proposal_of_gateway ON proposal (made_at) WHERE system = 'gateway';
