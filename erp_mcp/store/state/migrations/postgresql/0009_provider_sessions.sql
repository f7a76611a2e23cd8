-- Which session at the provider one of ours came of; see the state file's 0009.

ALTER TABLE page_session ADD COLUMN provider_session text COLLATE "C" NOT NULL DEFAULT '';
