-- The state of a deployment on PostgreSQL: the same tables, keys, checks and rules as the state file of version 3.
-- Run by the role that owns the schema, with the schema alone on the search path. Text is compared byte by byte ("C"),
-- as SQLite does. What each table is for stands in the files of the same numbers and below for the state file.

-- Which deployment this schema belongs to, and the number of the newest file that was run. One row.
CREATE TABLE about (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    deployment text COLLATE "C" NOT NULL,
    version    integer NOT NULL
);

CREATE FUNCTION instr(bytea, bytea) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT position($2 IN $1) $$;

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0]; END $$;

CREATE TABLE audit_record (
    seq       bigint PRIMARY KEY,
    leaf      bytea NOT NULL,
    leaf_hash text COLLATE "C" NOT NULL
);

CREATE TABLE audit_detail (
    seq   bigint NOT NULL REFERENCES audit_record (seq),
    name  text COLLATE "C" NOT NULL,
    salt  text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    PRIMARY KEY (seq, name)
);

CREATE FUNCTION audit_record_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_record) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'audit records are numbered without gaps';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_record_in_order BEFORE INSERT ON audit_record
FOR EACH ROW EXECUTE FUNCTION audit_record_in_order();

CREATE TABLE policy_bundle (
    version            bigint PRIMARY KEY,
    digest             text COLLATE "C" NOT NULL,
    bundle             text COLLATE "C" NOT NULL,
    applied_by         text COLLATE "C" NOT NULL,
    applied_at         text COLLATE "C" NOT NULL,
    audit_seq          bigint NOT NULL REFERENCES audit_record (seq),
    approval           text COLLATE "C" NOT NULL DEFAULT '',
    approval_signer    text COLLATE "C" NOT NULL DEFAULT '',
    approval_signature text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TABLE lease (
    name       text COLLATE "C" PRIMARY KEY,
    holder     text COLLATE "C" NOT NULL,
    fence      bigint NOT NULL,
    expires_at text COLLATE "C" NOT NULL
);

CREATE TABLE proposal (
    proposal_id      text COLLATE "C" PRIMARY KEY,
    content          text COLLATE "C" NOT NULL,
    agent            text COLLATE "C" NOT NULL,
    tool             text COLLATE "C" NOT NULL,
    system           text COLLATE "C" NOT NULL,
    idempotency_key  text COLLATE "C" NOT NULL,
    fingerprint      text COLLATE "C" NOT NULL,
    made_at          text COLLATE "C" NOT NULL,
    ends_at          text COLLATE "C" NOT NULL,
    digest           text COLLATE "C" NOT NULL,
    state            text COLLATE "C" NOT NULL,
    since            text COLLATE "C" NOT NULL,
    reason           text COLLATE "C" NOT NULL DEFAULT '',
    fence            bigint NOT NULL DEFAULT 0,
    holder           text COLLATE "C" NOT NULL DEFAULT '',
    lease_expires_at text COLLATE "C" NOT NULL DEFAULT '',
    not_before       text COLLATE "C" NOT NULL DEFAULT '',
    misses           bigint NOT NULL DEFAULT 0,
    receipt          text COLLATE "C" NOT NULL DEFAULT '',
    UNIQUE (agent, tool, idempotency_key)
);

CREATE INDEX proposal_by_state ON proposal (state, proposal_id);
CREATE INDEX proposal_by_agent ON proposal (agent, proposal_id);
CREATE INDEX proposal_by_fingerprint ON proposal (agent, fingerprint);

CREATE TABLE limit_use (
    proposal_id text COLLATE "C" NOT NULL REFERENCES proposal (proposal_id),
    limit_id    text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    amount      bigint NOT NULL CHECK (amount >= 0),
    at          text COLLATE "C" NOT NULL,
    PRIMARY KEY (proposal_id, limit_id, key)
);

CREATE INDEX limit_use_by_key ON limit_use (limit_id, key, at);

CREATE TABLE approver (
    position             bigint PRIMARY KEY,
    approver_id          text COLLATE "C" NOT NULL UNIQUE,
    enrolment            text COLLATE "C" NOT NULL,
    enrolment_signer     text COLLATE "C" NOT NULL,
    enrolment_signature  text COLLATE "C" NOT NULL,
    public_key           text COLLATE "C" UNIQUE,
    sealed_key           text COLLATE "C" NOT NULL,
    revocation           text COLLATE "C" NOT NULL DEFAULT '',
    revocation_signer    text COLLATE "C" NOT NULL DEFAULT '',
    revocation_signature text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TRIGGER approver_revocation_is_final BEFORE UPDATE ON approver FOR EACH ROW WHEN (OLD.revocation <> '')
EXECUTE FUNCTION refuse('a revocation is final');

CREATE TABLE decision (
    proposal_id text COLLATE "C" NOT NULL REFERENCES proposal (proposal_id),
    approver_id text COLLATE "C" NOT NULL,
    decision    text COLLATE "C" NOT NULL CHECK (decision IN ('approve', 'reject')),
    envelope    text COLLATE "C" NOT NULL,
    signature   text COLLATE "C" NOT NULL,
    nonce       text COLLATE "C" NOT NULL UNIQUE,
    decided_at  text COLLATE "C" NOT NULL,
    PRIMARY KEY (proposal_id, approver_id)
);

CREATE TABLE outbox (
    audit_seq    bigint PRIMARY KEY REFERENCES audit_record (seq),
    event_id     text COLLATE "C" NOT NULL UNIQUE,
    aggregate_id text COLLATE "C" NOT NULL,
    type         text COLLATE "C" NOT NULL,
    time         text COLLATE "C" NOT NULL,
    payload      text COLLATE "C" NOT NULL,
    published_at text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE INDEX outbox_by_aggregate ON outbox (aggregate_id, audit_seq);

CREATE TABLE kill_switch (
    scope  text COLLATE "C" PRIMARY KEY,
    set_by text COLLATE "C" NOT NULL,
    set_at text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL
);

CREATE TABLE declaration (
    system      text COLLATE "C" PRIMARY KEY,
    name        text COLLATE "C" NOT NULL,
    target      text COLLATE "C" NOT NULL,
    declared_by text COLLATE "C" NOT NULL,
    account     text COLLATE "C" NOT NULL,
    pathway     text COLLATE "C" NOT NULL,
    declared_at text COLLATE "C" NOT NULL
);

-- Slips of the owner are refused too; the role of the gateway has no right to any of this.

CREATE TRIGGER audit_record_is_final BEFORE UPDATE ON audit_record
FOR EACH ROW EXECUTE FUNCTION refuse('audit records are append-only');
CREATE TRIGGER audit_record_no_delete BEFORE DELETE ON audit_record
FOR EACH ROW EXECUTE FUNCTION refuse('audit records are append-only');
CREATE TRIGGER audit_record_no_truncate BEFORE TRUNCATE ON audit_record
FOR EACH STATEMENT EXECUTE FUNCTION refuse('audit records are append-only');

CREATE TRIGGER audit_detail_is_final BEFORE UPDATE ON audit_detail
FOR EACH ROW EXECUTE FUNCTION refuse('audit values are append-only');
CREATE TRIGGER audit_detail_no_delete BEFORE DELETE ON audit_detail
FOR EACH ROW EXECUTE FUNCTION refuse('audit values are append-only');
CREATE TRIGGER audit_detail_no_truncate BEFORE TRUNCATE ON audit_detail
FOR EACH STATEMENT EXECUTE FUNCTION refuse('audit values are append-only');

CREATE TRIGGER policy_bundle_is_final BEFORE UPDATE ON policy_bundle
FOR EACH ROW EXECUTE FUNCTION refuse('applied bundles are append-only');
CREATE TRIGGER policy_bundle_no_delete BEFORE DELETE ON policy_bundle
FOR EACH ROW EXECUTE FUNCTION refuse('applied bundles are append-only');
CREATE TRIGGER policy_bundle_no_truncate BEFORE TRUNCATE ON policy_bundle
FOR EACH STATEMENT EXECUTE FUNCTION refuse('applied bundles are append-only');

CREATE TRIGGER proposal_is_final
BEFORE UPDATE OF proposal_id, content, agent, tool, system, idempotency_key, fingerprint, made_at, ends_at, digest
ON proposal
FOR EACH ROW EXECUTE FUNCTION refuse('the content of a proposal is final');
CREATE TRIGGER proposal_no_delete BEFORE DELETE ON proposal
FOR EACH ROW EXECUTE FUNCTION refuse('proposals are kept');
CREATE TRIGGER proposal_no_truncate BEFORE TRUNCATE ON proposal
FOR EACH STATEMENT EXECUTE FUNCTION refuse('proposals are kept');

CREATE TRIGGER limit_use_is_final BEFORE UPDATE OF proposal_id, limit_id, key, amount ON limit_use
FOR EACH ROW EXECUTE FUNCTION refuse('what was counted stays counted');
CREATE TRIGGER limit_use_no_delete BEFORE DELETE ON limit_use
FOR EACH ROW EXECUTE FUNCTION refuse('what was counted stays counted');
CREATE TRIGGER limit_use_no_truncate BEFORE TRUNCATE ON limit_use
FOR EACH STATEMENT EXECUTE FUNCTION refuse('what was counted stays counted');

CREATE TRIGGER approver_is_final
BEFORE UPDATE OF position, approver_id, enrolment, enrolment_signer, enrolment_signature, public_key, sealed_key
ON approver
FOR EACH ROW EXECUTE FUNCTION refuse('an enrolment is final');
CREATE TRIGGER approver_no_delete BEFORE DELETE ON approver
FOR EACH ROW EXECUTE FUNCTION refuse('approvers are revoked, not deleted');
CREATE TRIGGER approver_no_truncate BEFORE TRUNCATE ON approver
FOR EACH STATEMENT EXECUTE FUNCTION refuse('approvers are revoked, not deleted');

CREATE TRIGGER decision_is_final BEFORE UPDATE ON decision
FOR EACH ROW EXECUTE FUNCTION refuse('decisions are append-only');
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
FOR EACH ROW EXECUTE FUNCTION refuse('decisions are append-only');
CREATE TRIGGER decision_no_truncate BEFORE TRUNCATE ON decision
FOR EACH STATEMENT EXECUTE FUNCTION refuse('decisions are append-only');

CREATE TRIGGER outbox_is_final BEFORE UPDATE OF audit_seq, event_id, aggregate_id, type, time, payload ON outbox
FOR EACH ROW EXECUTE FUNCTION refuse('an event is final');
CREATE TRIGGER outbox_no_delete BEFORE DELETE ON outbox
FOR EACH ROW EXECUTE FUNCTION refuse('events are kept');
CREATE TRIGGER outbox_no_truncate BEFORE TRUNCATE ON outbox
FOR EACH STATEMENT EXECUTE FUNCTION refuse('events are kept');
