-- Proposals, decisions about them, approvers, limits, outgoing events and the kill switch.

-- `content` is canonical JSON. What is looked up by stands beside it and is compared with it when a row is read.
-- Times may have fractions of a second or none: without their last letter they compare as text all the same.
CREATE TABLE proposal (
    proposal_id      TEXT PRIMARY KEY,
    content          TEXT NOT NULL,
    agent            TEXT NOT NULL,
    tool             TEXT NOT NULL,
    system           TEXT NOT NULL,
    idempotency_key  TEXT NOT NULL,
    fingerprint      TEXT NOT NULL,
    made_at          TEXT NOT NULL,
    ends_at          TEXT NOT NULL,
    digest           TEXT NOT NULL,
    state            TEXT NOT NULL,
    since            TEXT NOT NULL,
    reason           TEXT NOT NULL DEFAULT '',
    fence            INTEGER NOT NULL DEFAULT 0,
    holder           TEXT NOT NULL DEFAULT '',
    lease_expires_at TEXT NOT NULL DEFAULT '',
    not_before       TEXT NOT NULL DEFAULT '',
    misses           INTEGER NOT NULL DEFAULT 0,
    receipt          TEXT NOT NULL DEFAULT '',
    UNIQUE (agent, tool, idempotency_key)
) STRICT;

CREATE INDEX proposal_by_state ON proposal (state, proposal_id);
CREATE INDEX proposal_by_agent ON proposal (agent, proposal_id);
CREATE INDEX proposal_by_fingerprint ON proposal (agent, fingerprint);

CREATE TRIGGER proposal_content_is_final
BEFORE UPDATE OF proposal_id, content, agent, tool, system, idempotency_key, fingerprint, made_at, ends_at, digest
ON proposal
BEGIN SELECT RAISE(ABORT, 'the content of a proposal is final'); END;

CREATE TRIGGER proposal_no_delete BEFORE DELETE ON proposal
BEGIN SELECT RAISE(ABORT, 'proposals are kept'); END;

-- What a proposal takes of a business limit, and since when: since it was made, later since it was sent to its system.
CREATE TABLE limit_use (
    proposal_id TEXT NOT NULL REFERENCES proposal (proposal_id),
    limit_id    TEXT NOT NULL,
    key         TEXT NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount >= 0),
    at          TEXT NOT NULL,
    PRIMARY KEY (proposal_id, limit_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX limit_use_by_key ON limit_use (limit_id, key, at);

CREATE TRIGGER limit_use_is_final BEFORE UPDATE OF proposal_id, limit_id, key, amount ON limit_use
BEGIN SELECT RAISE(ABORT, 'what was counted stays counted'); END;

CREATE TRIGGER limit_use_no_delete BEFORE DELETE ON limit_use
BEGIN SELECT RAISE(ABORT, 'what was counted stays counted'); END;

-- Who may decide. `enrolment` is canonical JSON, signed by an approver who was there before (the first by itself).
CREATE TABLE approver (
    position             INTEGER PRIMARY KEY,
    approver_id          TEXT NOT NULL UNIQUE,
    enrolment            TEXT NOT NULL,
    enrolment_signer     TEXT NOT NULL,
    enrolment_signature  TEXT NOT NULL,
    public_key           TEXT UNIQUE,
    sealed_key           TEXT NOT NULL,
    revocation           TEXT NOT NULL DEFAULT '',
    revocation_signer    TEXT NOT NULL DEFAULT '',
    revocation_signature TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TRIGGER approver_is_final
BEFORE UPDATE OF position, approver_id, enrolment, enrolment_signer, enrolment_signature, public_key, sealed_key
ON approver
BEGIN SELECT RAISE(ABORT, 'an enrolment is final'); END;

CREATE TRIGGER approver_revocation_is_final BEFORE UPDATE ON approver WHEN OLD.revocation <> ''
BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;

CREATE TRIGGER approver_no_delete BEFORE DELETE ON approver
BEGIN SELECT RAISE(ABORT, 'approvers are revoked, not deleted'); END;

-- One decision of one person about one proposal.
CREATE TABLE decision (
    proposal_id TEXT NOT NULL REFERENCES proposal (proposal_id),
    approver_id TEXT NOT NULL,
    decision    TEXT NOT NULL CHECK (decision IN ('approve', 'reject')),
    envelope    TEXT NOT NULL,
    signature   TEXT NOT NULL,
    nonce       TEXT NOT NULL UNIQUE,
    decided_at  TEXT NOT NULL,
    PRIMARY KEY (proposal_id, approver_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

-- One event for each record about a proposal, written with it, in the order of the records; a relay publishes them later.
CREATE TABLE outbox (
    audit_seq    INTEGER PRIMARY KEY REFERENCES audit_record (seq),
    event_id     TEXT NOT NULL UNIQUE,
    aggregate_id TEXT NOT NULL,
    type         TEXT NOT NULL,
    time         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    published_at TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX outbox_by_aggregate ON outbox (aggregate_id, audit_seq);

CREATE TRIGGER outbox_is_final BEFORE UPDATE OF audit_seq, event_id, aggregate_id, type, time, payload ON outbox
BEGIN SELECT RAISE(ABORT, 'an event is final'); END;

CREATE TRIGGER outbox_no_delete BEFORE DELETE ON outbox
BEGIN SELECT RAISE(ABORT, 'events are kept'); END;

-- A row stops writes: of everything (scope "all"), or of one tool, agent or system ("tool:…").
CREATE TABLE kill_switch (
    scope   TEXT PRIMARY KEY,
    set_by  TEXT NOT NULL,
    set_at  TEXT NOT NULL,
    reason  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- An approver's signature under a policy that newly allows writes; empty where none was needed.
ALTER TABLE policy_bundle ADD COLUMN approval TEXT NOT NULL DEFAULT '';
ALTER TABLE policy_bundle ADD COLUMN approval_signer TEXT NOT NULL DEFAULT '';
ALTER TABLE policy_bundle ADD COLUMN approval_signature TEXT NOT NULL DEFAULT '';
