-- Which session at the provider one of ours came of, so that it ends with it.

-- SHA-256 of issuer and session, empty where the provider named none.
ALTER TABLE page_session ADD COLUMN provider_session TEXT NOT NULL DEFAULT '';
