"""The schema of a deployment on PostgreSQL: made and renewed by the role that owns it, used by one that may less."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.state.file import VERSION

_MIGRATIONS: Final = Path(__file__).parent / "migrations" / "postgresql"
_ADD_ONLY: Final = (
    *("audit_record", "audit_detail", "policy_bundle", "decision", "resolution", "take_back_order"),
    *("taint_clearing", "glass", "glass_review"),
)
_DELETABLE: Final = ("kill_switch", "declaration", "page_session", "page_try")
# What moves change, and nothing beside it.
_CHANGEABLE: Final = {
    "proposal": "state, since, reason, fence, holder, lease_expires_at, not_before, misses, receipt, paused_until",
    "human_task": "state, closed_by, closed_at, note",
    "limit_use": "at",
    "taint": "read_at, fields",
    "approver": "revocation, revocation_signer, revocation_signature",
    "outbox": "published_at",
    "lease": "holder, fence, expires_at",
    "kill_switch": "reason",
    "follower": "position",
    "page_session": "seen_at",
    "page_try": "failures, last_at",
    "declaration": "name, target, declared_by, account, pathway, declared_at",
}
_TABLES: Final = (*_ADD_ONLY, *_CHANGEABLE)
_PREPARING: Final = 0x6572702D6D6370  # one process at a time makes or renews a schema


def prepare(connection: psycopg.Connection, *, schema: str, deployment: str, role: str) -> int:
    """Make the schema or bring it up to date in one transaction, and let `role` use it; return its version.

    Args:
        connection: Of the role that owns the schema, in autocommit mode. It needs CREATE on the database where the
            schema is not there yet.
        schema: Its name.
        deployment: Whose state it is to hold.
        role: Who serves from it; nothing is granted to the owner itself.

    Raises:
        StateUnavailableError: `state.unavailable`, for a schema of another deployment or of a newer version.
        psycopg.Error: whatever the database says.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_PREPARING,))
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute("SELECT set_config('search_path', %s, true)", (search_path(schema),))
        version = _checked(connection, deployment)
        if 0 < version < VERSION:
            _wait_for_writers(connection)
        for path in sorted(_MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            if int(path.name[:4]) > version:
                connection.execute(path.read_bytes())
        _note(connection, deployment)
        if role != connection.info.user:
            _grant(connection, schema, role)
    return VERSION


def check(connection: psycopg.Connection, *, deployment: str) -> None:
    """Refuse a schema that was not prepared for this deployment and this version.

    Raises:
        StateUnavailableError: `state.unavailable`, with the fact `reason`.
    """
    version = _checked(connection, deployment)
    if version < VERSION:
        raise StateUnavailableError(
            reason="not prepared" if version == 0 else "made by an older version", command="erp-mcp state prepare"
        )


def check_not_newer(version: int) -> None:
    """Refuse a schema that a newer version of the gateway has renewed; its rows may mean what we do not know.

    Raises:
        StateUnavailableError: `state.unavailable`, with the fact `reason`.
    """
    if version > VERSION:
        raise StateUnavailableError(reason="made by a newer version", version=version)


def search_path(schema: str) -> str:
    """Return the search path of our sessions; without its last word temporary tables would come first."""
    quoted = schema.replace('"', '""')
    return f'"{quoted}", pg_catalog, pg_temp'


def _checked(connection: psycopg.Connection, deployment: str) -> int:
    """Return the version of the schema, 0 where nothing was prepared."""
    (there,) = connection.execute("SELECT to_regclass('about') IS NOT NULL").fetchone() or (False,)
    row = connection.execute("SELECT deployment, version FROM about").fetchone() if there else None
    if row is None:
        return 0
    if row[0] != deployment:
        raise StateUnavailableError(reason="the schema belongs to another deployment")
    check_not_newer(row[1])
    return int(row[1])


def _wait_for_writers(connection: psycopg.Connection) -> None:
    """Let those end who have looked at the version and write by it, and let those who come after see the new one.

    Each transaction that writes reads `about` first (`PostgresqlEngine.writing`), which this lock keeps apart from it.
    """
    connection.execute("LOCK TABLE about IN ACCESS EXCLUSIVE MODE")


def _note(connection: psycopg.Connection, deployment: str) -> None:
    connection.execute(
        "INSERT INTO about (deployment, version) VALUES (%s, %s)"
        " ON CONFLICT (only_row) DO UPDATE SET version = excluded.version",
        (deployment, VERSION),
    )


def _grant(connection: psycopg.Connection, schema: str, role: str) -> None:
    """Let a role read everything, add, and change what moves change; what it had before is taken back first."""
    names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}

    def run(text: str, **more: sql.Composable) -> None:
        connection.execute(sql.SQL(text).format(**names, **more))

    run("REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}")
    run("REVOKE ALL ON SCHEMA {schema} FROM {role}")
    run("GRANT USAGE ON SCHEMA {schema} TO {role}")
    run("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    for table in _TABLES:
        run("GRANT INSERT ON {table} TO {role}", table=sql.Identifier(table))
    for table, columns in _CHANGEABLE.items():
        run(f"GRANT UPDATE ({columns}) ON {{table}} TO {{role}}", table=sql.Identifier(table))
    for table in _DELETABLE:
        run("GRANT DELETE ON {table} TO {role}", table=sql.Identifier(table))
