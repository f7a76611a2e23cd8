-- Who is signed in to the approver's page, and how often somebody has failed to.

-- The browser holds what `token_hash` is the SHA-256 of; nobody can sign in with what stands here.
CREATE TABLE page_session (
    token_hash   TEXT PRIMARY KEY,
    approver_id  TEXT NOT NULL,
    method       TEXT NOT NULL,
    signed_in_at TEXT NOT NULL,
    seen_at      TEXT NOT NULL,
    ends_at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE page_try (
    name     TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
