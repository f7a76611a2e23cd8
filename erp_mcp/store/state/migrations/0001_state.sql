-- Audit, applied policy and leases. Everything of an audit record is in its leaf; nothing is kept twice.

CREATE TABLE audit_record (
    seq       INTEGER PRIMARY KEY,
    leaf      BLOB NOT NULL,
    leaf_hash TEXT NOT NULL
) STRICT;

-- Values and salts that the leaf commits to by digest. Kept apart, so that they can be erased and the chain stays whole.
CREATE TABLE audit_detail (
    seq   INTEGER NOT NULL REFERENCES audit_record (seq),
    name  TEXT NOT NULL,
    salt  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (seq, name)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_record_in_order BEFORE INSERT ON audit_record
WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_record)
BEGIN SELECT RAISE(ABORT, 'audit records are numbered without gaps'); END;

CREATE TRIGGER audit_record_no_update BEFORE UPDATE ON audit_record
BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;

CREATE TRIGGER audit_record_no_delete BEFORE DELETE ON audit_record
BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;

CREATE TRIGGER audit_detail_once BEFORE INSERT ON audit_detail
WHEN EXISTS (SELECT 1 FROM audit_detail WHERE seq = NEW.seq AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'audit values are written once'); END;

CREATE TRIGGER audit_detail_no_update BEFORE UPDATE ON audit_detail
BEGIN SELECT RAISE(ABORT, 'audit values are append-only'); END;

CREATE TRIGGER audit_detail_no_delete BEFORE DELETE ON audit_detail
BEGIN SELECT RAISE(ABORT, 'audit values are append-only'); END;

-- Every bundle that was ever applied, in order; the newest row is the active one.
CREATE TABLE policy_bundle (
    version    INTEGER PRIMARY KEY,
    digest     TEXT NOT NULL,
    bundle     TEXT NOT NULL,
    applied_by TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    audit_seq  INTEGER NOT NULL REFERENCES audit_record (seq)
) STRICT;

CREATE TRIGGER policy_bundle_no_update BEFORE UPDATE ON policy_bundle
BEGIN SELECT RAISE(ABORT, 'applied bundles are append-only'); END;

CREATE TRIGGER policy_bundle_no_delete BEFORE DELETE ON policy_bundle
BEGIN SELECT RAISE(ABORT, 'applied bundles are append-only'); END;

CREATE TABLE lease (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    fence      INTEGER NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
