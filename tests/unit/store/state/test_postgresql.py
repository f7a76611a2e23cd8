"""What only PostgreSQL has: roles, a schema that is prepared, sessions that end, commits whose answer is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from sqlalchemy import Engine, Inspector, create_engine, inspect

from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Step
from erp_mcp.errors import AuditUnavailableError, SecretUnavailableError, StateUnavailableError
from erp_mcp.store.state import postgresql_schema, proposals
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.file import FILE_NAME, VERSION
from erp_mcp.store.state.postgresql import PostgresqlState
from erp_mcp.store.state.postgresql_engine import PostgresqlEngine
from erp_mcp.store.state.rows import Stored
from tests.guarantees import guarantees
from tests.systems.processes import until
from tests.unit.store.state.fakes import FakeClock, FakeIds, a_content, a_decision, a_state, an_entry
from tests.unit.store.state.stores import TABLES, Behind, Schema, opened

pytestmark = pytest.mark.live


@pytest.fixture
def schema(schemas: Schema) -> Iterator[Schema]:
    """The schema, new again after the test."""
    yield schemas
    schemas.drop()
    schemas.prepare()


@pytest.fixture
def state(schema: Schema, clock: FakeClock) -> Iterator[PostgresqlState]:
    one = PostgresqlState(schema.place, clock=clock, ids=FakeIds(), busy_s=5.0)
    yield one
    one.close()


@guarantees("P4.two_stores")
def test_both_stores_have_the_same_tables(schema: Schema, tmp_path: Path) -> None:
    """Two descriptions of one thing drift apart, unless somebody compares them."""
    a_state(tmp_path).close()
    address = schema.url.replace("postgresql://", f"postgresql+psycopg://{schema.owner}:{schema.owner_secret}@")
    file, server = create_engine(f"sqlite:///{tmp_path / FILE_NAME}"), create_engine(address)
    try:
        assert _described(server, schema.schema) == _described(file, None)
    finally:
        file.dispose()
        server.dispose()


def _described(engine: Engine, schema: str | None) -> dict[str, object]:
    looked = inspect(engine)
    names = set(looked.get_table_names(schema=schema)) - {"about"}
    assert names == set(TABLES)
    return {name: _table(looked, name, schema) for name in sorted(names)}


def _table(looked: Inspector, name: str, schema: str | None) -> dict[str, object]:
    kinds = {"TEXT": "text", "INTEGER": "number", "BIGINT": "number", "BLOB": "bytes", "BYTEA": "bytes"}
    keys = looked.get_pk_constraint(name, schema=schema)["constrained_columns"]
    columns = {
        column["name"]: (
            kinds[str(column["type"]).partition(" ")[0]],
            column["nullable"] and column["name"] not in keys,
            str(column["default"]).partition("::")[0],
        )
        for column in looked.get_columns(name, schema=schema)
    }
    return {
        "columns": columns,
        "key": keys,
        "unique": sorted(one["column_names"] for one in looked.get_unique_constraints(name, schema=schema)),
        "foreign": sorted(
            (one["constrained_columns"], one["referred_table"], one["referred_columns"])
            for one in looked.get_foreign_keys(name, schema=schema)
        ),
        "indexes": sorted(
            (str(one["name"]), one["column_names"])
            for one in looked.get_indexes(name, schema=schema)
            if not one.get("duplicates_constraint")
        ),
        "checks": len(looked.get_check_constraints(name, schema=schema)),
    }


@guarantees("P4.two_stores", "P5.tamper_evident")
@pytest.mark.parametrize("statement", [
    "UPDATE audit_record SET leaf_hash = ''", "DELETE FROM audit_record", "TRUNCATE audit_record CASCADE",
    "UPDATE audit_detail SET value = ''", "DELETE FROM audit_detail", "UPDATE policy_bundle SET digest = ''",
    "UPDATE proposal SET content = ''", "UPDATE proposal SET digest = ''", "DELETE FROM proposal",
    "UPDATE decision SET envelope = ''", "DELETE FROM decision", "UPDATE limit_use SET amount = 0",
    "DELETE FROM limit_use", "UPDATE approver SET public_key = ''", "DELETE FROM approver", "DELETE FROM outbox",
    "UPDATE outbox SET payload = ''", "UPDATE kill_switch SET scope = ''", "DELETE FROM lease",
    "UPDATE about SET deployment = ''", "DROP TRIGGER proposal_is_final ON proposal", "DROP TABLE outbox",
    "ALTER TABLE proposal DISABLE TRIGGER ALL", "SET session_replication_role = replica", "CREATE TABLE t (a text)",
    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
])  # fmt: skip
def test_the_role_that_serves_can_not_change_what_is_final(statement: str, state: PostgresqlState) -> None:
    """Rules that one could take away oneself are none; the gateway owns nothing."""
    content = a_content()
    state.proposals.create(content)
    state.proposals.decide(a_decision(content.proposal_id))
    with pytest.raises(StateUnavailableError) as told, state.engine.writing() as session:
        session.execute(statement)
    assert told.value.facts["reason"] == "InsufficientPrivilege"


@guarantees("P4.two_stores")
@pytest.mark.parametrize("table", ["audit_record", "audit_detail", "policy_bundle", "proposal", "decision", "outbox"])
def test_the_owner_does_not_empty_a_table_by_a_slip(table: str, schema: Schema) -> None:
    """TRUNCATE asks no trigger that looks at rows."""
    with schema.owned() as owner, pytest.raises(psycopg.IntegrityError):
        owner.execute(f"TRUNCATE {table} CASCADE")


@guarantees("P4.two_stores", "input.clear_errors")
def test_a_schema_that_is_not_ours_or_not_of_today_is_refused(schema: Schema) -> None:
    """Two deployments in one schema would take each other's work; an older gateway would not know what it reads."""
    other = replace(schema.place, deployment="d-2")
    nothing = replace(schema.place, schema="nothing")
    assert _refusal(other) == "the schema belongs to another deployment"
    assert _refusal(nothing) == "not prepared"
    for version, reason in ((VERSION + 1, "made by a newer version"), (VERSION - 1, "made by an older version")):
        with schema.owned() as owner:
            owner.execute("UPDATE about SET version = %s", (version,))
        assert _refusal(schema.place) == reason
    with schema.owned() as owner:
        owner.execute("UPDATE about SET version = %s, deployment = 'd-2'", (VERSION,))
    with pytest.raises(StateUnavailableError):
        schema.prepare()


@guarantees("P4.two_stores", "P10.survives")
def test_whoever_asks_what_is_overdue_holds_no_row(schema: Schema, state: PostgresqlState) -> None:
    """A worker passes by rows that another one holds, and would find nothing to do while others only ask."""
    ids = [state.proposals.create(a_content(f"key-{n:08d}"))[0].content.proposal_id for n in range(2)]
    state.proposals.decide(a_decision(ids[0]))
    held = "SELECT proposal_id, xmax::text FROM proposal ORDER BY proposal_id"
    with schema.owned() as owner:
        before = owner.execute(held).fetchall()
        assert [state.proposals.escalate(), state.proposals.expire()] == [0, 0]
        assert owner.execute(held).fetchall() == before


@guarantees("P4.kill_switch")
def test_what_another_worker_moved_since_it_was_listed_is_not_taken_behind_a_stop(
    schema: Schema, state: PostgresqlState, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is being sent is looked for while all is stopped; turned away meanwhile, it is held like all that waits."""
    content = a_content()
    state.proposals.create(content)
    state.proposals.decide(a_decision(content.proposal_id))
    taken = state.proposals.take("one", lease_s=0)
    assert taken is not None
    sent = Step(name="send", actor="one", fence=taken.fence)
    state.proposals.move(content.proposal_id, sent)
    state.switches.stop("all", by="olga", reason="inventory")
    other, looks = PostgresqlState(schema.place, clock=clock, ids=FakeIds(), busy_s=5.0), proposals._still_due

    def moved_meanwhile(session: Session, *asked: str) -> Stored | None:
        other.proposals.move(content.proposal_id, replace(sent, name="postpone", reason="busy"))
        return looks(session, *asked)

    monkeypatch.setattr(proposals, "_still_due", moved_meanwhile)
    assert state.proposals.take("two", lease_s=60) is None
    assert state.proposals.get(content.proposal_id).state is State.APPROVED
    other.close()


def _refusal(place: object) -> object:
    with pytest.raises(StateUnavailableError) as told:
        PostgresqlEngine(place)  # type: ignore[arg-type]
    return told.value.facts["reason"]


@guarantees("P4.two_stores", "P10.survives")
def test_preparing_again_and_at_once_changes_nothing(schema: Schema, state: PostgresqlState) -> None:
    """Every machine that is renewed may do it."""
    state.audit.append(an_entry())
    failures: list[Exception] = []

    def one() -> None:
        try:
            schema.prepare()
        except Exception as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    threads = [Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(state.audit.read()) == 1
    assert state.audit.append(an_entry()).seq == 2


@guarantees("P4.two_stores", "P10.survives")
def test_effects_wait_for_the_disk_and_records_of_reads_do_not(state: PostgresqlState) -> None:
    """A read answers in a millisecond; an effect is not lost with the power."""
    with state.engine.writing() as session:
        assert session.execute("SHOW synchronous_commit").fetchone() == ("on",)
    with state.engine.recording() as session:
        assert session.execute("SHOW synchronous_commit").fetchone() == ("off",)
        shown = {
            name: session.execute(f"SHOW {name}").fetchone()[0]
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "search_path")
        }
    assert shown == {
        "lock_timeout": "5s",
        "statement_timeout": "35s",
        "idle_in_transaction_session_timeout": "15s",
        "search_path": '"of_tests", pg_catalog, pg_temp',
    }


def _end_sessions(schema: Schema) -> None:
    with schema.owned() as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (schema.account,))


def _waits(schema: Schema) -> bool:
    """Whether somebody waits for the table that says of which version the schema is."""
    with schema.owned() as owner:
        waiting = "SELECT 1 FROM pg_locks WHERE relation = to_regclass('about') AND NOT granted"
        return owner.execute(waiting).fetchone() is not None


@guarantees("P4.two_stores", "P10.survives")
def test_a_schema_is_not_renewed_under_who_writes_by_its_old_rules(
    schema: Schema, state: PostgresqlState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked at the version holds it until what they write by it is written."""
    monkeypatch.setattr(postgresql_schema, "_MIGRATIONS", tmp_path)  # none: it is about who waits for whom
    renewing = Thread(target=schema.prepare)
    with state.engine.writing() as session:
        state.audit.add(session, an_entry())
        with schema.owned() as owner:
            owner.execute("UPDATE about SET version = %s", (VERSION - 1,))
        renewing.start()
        until(lambda: _waits(schema) or not renewing.is_alive(), name="who renews it", within_s=60)
        assert renewing.is_alive()
    renewing.join()
    assert len(state.audit.read()) == 1
    with schema.owned() as owner:
        assert owner.execute("SELECT version FROM about").fetchone() == (VERSION,)


@guarantees("P4.two_stores", "P10.survives")
def test_who_would_write_while_a_schema_is_renewed_waits_and_sees_the_new_version(
    schema: Schema, state: PostgresqlState
) -> None:
    """What it saw before it waited says nothing any more."""
    told: list[object] = []

    def write() -> None:
        try:
            state.switches.stop("all", by="olga", reason="")
        except StateUnavailableError as error:
            told.append(error.facts["reason"])

    writing = Thread(target=write)
    with schema.owned() as owner, owner.transaction():
        owner.execute("LOCK TABLE about IN ACCESS EXCLUSIVE MODE")
        owner.execute("UPDATE about SET version = %s", (VERSION + 1,))
        writing.start()
        until(lambda: _waits(schema) or not writing.is_alive(), name="who writes", within_s=60)
    writing.join()
    assert told == ["made by a newer version"]
    assert state.switches.stopped() == []


@guarantees("P10.survives")
def test_a_server_that_has_gone_and_come_back_costs_no_write(schema: Schema, state: PostgresqlState) -> None:
    """It was restarted over night; the first agent in the morning must not see it."""
    content = a_content()
    state.proposals.create(content)
    _end_sessions(schema)
    assert state.audit.append(an_entry()).seq == 3
    assert state.proposals.decide(a_decision(content.proposal_id)).state.value == "APPROVED"
    _end_sessions(schema)
    with pytest.raises(StateUnavailableError):
        state.proposals.get(content.proposal_id)
    assert state.proposals.get(content.proposal_id).content == content


@guarantees("P4.two_stores", "P4.idempotent")
def test_a_commit_whose_answer_is_lost_is_called_unknown(schema: Schema, state: PostgresqlState) -> None:
    """The caller must not believe that nothing was written; under its key it finds out."""
    with schema.owned() as owner:
        owner.execute(
            "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
            "CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION leave()"
        )
    content = a_content()
    with pytest.raises(StateUnavailableError) as told:
        state.proposals.create(content)
    assert told.value.facts["outcome"] == "unknown"
    with schema.owned() as owner:
        owner.execute("DROP TRIGGER leave ON outbox")
    assert state.proposals.create(content)[0].content == content


@guarantees("P5.audit_or_nothing")
def test_a_transaction_in_which_something_failed_unseen_is_not_called_written(state: PostgresqlState) -> None:
    """The server answers COMMIT with ROLLBACK then, and without an error."""
    with pytest.raises(StateUnavailableError) as told, state.engine.writing() as session:
        _record_and_fail(state, session)
    assert told.value.facts == {"reason": "rolled back"}
    assert state.audit.read() == []


def _record_and_fail(state: PostgresqlState, session: Session) -> None:
    state.audit.add(session, an_entry())
    with pytest.raises(StateUnavailableError):
        session.execute("SELECT 1 / 0")


@guarantees("P10.rotation")
def test_the_password_is_asked_for_at_each_sign_in(schema: Schema, clock: FakeClock) -> None:
    """It was changed, and the sessions of the old one ended."""
    said = [schema.secret]
    state = PostgresqlState(replace(schema.place, secret=lambda: said[-1]), clock=clock, ids=FakeIds())
    said.append("wrong")
    _end_sessions(schema)
    with pytest.raises(AuditUnavailableError):
        state.audit.append(an_entry())
    said.append(schema.secret)
    assert state.audit.append(an_entry()).seq == 1
    state.close()


@guarantees("input.clear_errors")
def test_a_secret_that_is_not_there_is_told_as_such(schema: Schema) -> None:
    """It is another thing than a database that is away."""

    def nothing() -> str:
        raise SecretUnavailableError(reference="env:X", reason="not set")

    with pytest.raises(SecretUnavailableError):
        PostgresqlEngine(replace(schema.place, secret=nothing))


@guarantees("input.clear_errors")
def test_text_that_the_database_can_not_hold_is_refused_and_nothing_is_written(state: PostgresqlState) -> None:
    """PostgreSQL has no NUL in text, SQLite has."""
    with pytest.raises(StateUnavailableError):
        state.switches.stop("all", by="ol\0ga", reason="")
    with pytest.raises(StateUnavailableError):
        state.switches.stop("all", by="ol\ud800ga", reason="")
    assert state.switches.stopped() == []


@guarantees("P4.two_stores")
def test_schemas_do_not_hold_up_each_other(schema: Schema, tmp_path: Path, state: PostgresqlState) -> None:
    """Two plants in one database share nothing, locks included."""
    other = replace(schema, schema="of_others")
    other.prepare()
    other.describe(tmp_path)
    neighbour = opened(tmp_path, busy_s=0.05)
    with state.engine.writing() as session:
        state.audit.add(session, an_entry())
        assert neighbour.audit.append(an_entry()).seq == 1
    neighbour.close()
    assert len(Behind(tmp_path).rows("SELECT * FROM audit_record")) == 1
    other.drop()


@guarantees("P4.two_stores")
def test_the_file_that_a_folder_held_is_left_alone(tmp_path: Path, schema: Schema) -> None:
    """A deployment that moves to a database does not lose what it had."""
    file = a_state(tmp_path)
    file.audit.append(an_entry())
    file.close()
    schema.describe(tmp_path)
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as kept:
        assert kept.execute("SELECT COUNT(*) FROM audit_record").fetchone() == (1,)
    kept.close()
