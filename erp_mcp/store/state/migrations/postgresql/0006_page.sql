-- Who is signed in to the approver's page, and how often somebody has failed to; see the state file's 0006.

CREATE TABLE page_session (
    token_hash   text COLLATE "C" PRIMARY KEY,
    approver_id  text COLLATE "C" NOT NULL,
    method       text COLLATE "C" NOT NULL,
    signed_in_at text COLLATE "C" NOT NULL,
    seen_at      text COLLATE "C" NOT NULL,
    ends_at      text COLLATE "C" NOT NULL
);

CREATE TABLE page_try (
    name     text COLLATE "C" PRIMARY KEY,
    failures bigint NOT NULL,
    last_at  text COLLATE "C" NOT NULL
);
