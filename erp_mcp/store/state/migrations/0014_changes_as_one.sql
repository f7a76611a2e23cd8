-- Which changes of several as one were asked for since a moment: each of their steps counts for what policy keeps apart.
CREATE INDEX IF NOT EXISTS proposal_of_gateway ON proposal (made_at) WHERE system = 'gateway';
