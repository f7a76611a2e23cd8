-- What was asked for with some tools since a moment: who asked for one half of what policy keeps apart approves no other.
CREATE INDEX IF NOT EXISTS proposal_by_tool ON proposal (tool, made_at);
