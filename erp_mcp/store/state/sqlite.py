"""Audit, applied policy and leases on SQLite, behind the ports of the core."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from erp_mcp.audit.record import GENESIS, build, canonical
from erp_mcp.domain.audit import AuditEntry, AuditRecord
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import AuditUnavailableError, BundleChangedError, StateUnavailableError
from erp_mcp.ports import Clock, Ids, Lease
from erp_mcp.store.state.file import BUSY_S, StateFile, transaction

_LAST: Final = "SELECT seq, leaf_hash FROM audit_record ORDER BY seq DESC LIMIT 1"
_ADD_RECORD: Final = "INSERT INTO audit_record (seq, leaf, leaf_hash) VALUES (?, ?, ?)"
_ADD_DETAIL: Final = "INSERT INTO audit_detail (seq, name, salt, value) VALUES (?, ?, ?, ?)"
_READ: Final = "SELECT seq, leaf, leaf_hash FROM audit_record WHERE seq > ? ORDER BY seq LIMIT ?"
_BELOW_FIRST: Final = "SELECT seq, leaf, leaf_hash FROM audit_record WHERE seq < 1 ORDER BY seq LIMIT ?"
_STRAYS: Final = (
    "SELECT seq FROM (SELECT seq FROM audit_detail UNION SELECT audit_seq FROM policy_bundle)"
    " WHERE seq NOT IN (SELECT seq FROM audit_record) ORDER BY seq LIMIT ?"
)
_READ_DETAILS: Final = "SELECT seq, name, salt, value FROM audit_detail WHERE seq BETWEEN ? AND ?"
_FIND: Final = "SELECT seq FROM audit_record WHERE instr(leaf, ?) > 0 ORDER BY seq DESC LIMIT ?"
_ACTIVE_DIGEST: Final = "SELECT digest FROM policy_bundle ORDER BY version DESC LIMIT 1"
_ACTIVE: Final = "SELECT digest, bundle FROM policy_bundle ORDER BY version DESC LIMIT 1"
_ADD_BUNDLE: Final = (
    "INSERT INTO policy_bundle (digest, bundle, applied_by, applied_at, audit_seq) VALUES (?, ?, ?, ?, ?)"
)
_PAGE: Final = 1000


class SqliteAudit:
    """Append-only audit records; several processes append to one chain."""

    def __init__(self, file: StateFile, clock: Clock, ids: Ids) -> None:
        """Keep records in `file`, with times of `clock.wall` and ids of `ids`."""
        self._file = file
        self._clock = clock
        self._ids = ids

    def append(self, entry: AuditEntry) -> AuditRecord:
        """Write one entry, durable against the death of the process, and return its record.

        Raises:
            AuditUnavailableError: `audit.unavailable`; nothing was written.
        """
        file = self._file
        try:
            with file.lock, transaction(file.records):
                return self.add(file.records, entry)
        except (sqlite3.Error, ValueError, OSError) as error:
            raise AuditUnavailableError(reason=type(error).__name__) from error

    def add(self, connection: sqlite3.Connection, entry: AuditEntry) -> AuditRecord:
        """Write one entry inside a transaction of the caller, so that it stands or falls with what it records."""
        seq, prev = connection.execute(_LAST).fetchone() or (0, GENESIS)
        record = build(
            entry,
            seq=seq + 1,
            prev=prev,
            record_id=self._ids.new(),
            time=instant(self._clock.wall()),
            salts=secrets.token_bytes,
        )
        connection.execute(_ADD_RECORD, (record.seq, record.leaf, record.leaf_hash))
        if record.details:
            rows = [(record.seq, name, salt, _json(value)) for name, (salt, value) in record.details.items()]
            connection.executemany(_ADD_DETAIL, rows)
        return record

    def read(self, *, after: int = 0, limit: int = 100) -> list[AuditRecord]:
        """Return records with `seq > after`, oldest first.

        Raises:
            AuditUnavailableError: `audit.unavailable`, when the file can't be read.
        """
        connection = self._file.records
        try:
            with self._file.lock:
                rows = connection.execute(_READ, (after, limit)).fetchall()
                if not rows:
                    return []
                details = connection.execute(_READ_DETAILS, (rows[0][0], rows[-1][0])).fetchall()
        except sqlite3.Error as error:
            raise AuditUnavailableError(reason=type(error).__name__) from error
        kept: dict[int, list[tuple[str, str, str]]] = {}
        for seq, name, salt, value in details:
            kept.setdefault(seq, []).append((name, salt, value))
        return [_record(row, kept.get(row[0], [])) for row in rows]

    def read_all(self) -> Iterator[AuditRecord]:
        """Yield all records, oldest first, a thousand in memory at a time; also those put in before the first."""
        yield from self._before_first()
        after = 0
        while page := self.read(after=after, limit=_PAGE):
            yield from page
            after = page[-1].seq

    def strays(self, *, limit: int = 100) -> list[int]:
        """Return numbers that kept values or applied bundles carry although no record does: their record is gone."""
        return [seq for (seq,) in self._rows(_STRAYS, (limit,))]

    def _before_first(self) -> Iterator[AuditRecord]:
        """Yield records with numbers below 1; none is ever written, so whoever put one there is found."""
        for seq, leaf, leaf_hash in self._rows(_BELOW_FIRST, (_PAGE,)):
            yield _record((seq, leaf, leaf_hash), [])

    def _rows(self, query: str, values: tuple[int | bytes, ...]) -> list[tuple[Any, ...]]:
        try:
            with self._file.lock:
                return self._file.records.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise AuditUnavailableError(reason=type(error).__name__) from error

    def last(self, limit: int) -> list[AuditRecord]:
        """Return the newest records, at most `limit`, oldest first."""
        newest = self._rows(_LAST, ())
        return self.read(after=max(0, newest[0][0] - limit), limit=limit) if newest else []

    def find(self, text: str, *, limit: int = 100) -> list[AuditRecord]:
        """Return the newest records whose leaf contains `text` (a call id, a correlation id), oldest first.

        It scans the chain: for people who look something up, not for the path of a call.
        """
        found = self._rows(_FIND, (text.encode(), limit))
        return [record for (seq,) in reversed(found) for record in self.read(after=seq - 1, limit=1)]


class SqliteBundles:
    """Applied policy bundles: a history whose newest row is active for all processes at once."""

    def __init__(self, file: StateFile, audit: SqliteAudit, clock: Clock) -> None:
        """Keep bundles in `file`; each change is recorded through `audit`."""
        self._file = file
        self._audit = audit
        self._clock = clock
        self._seen = (-1, "")

    def active_digest(self) -> str:
        """Return the digest of the applied bundle, empty when none was applied; a few microseconds.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        try:
            with self._file.lock:
                connection = self._file.records
                version = connection.execute("PRAGMA data_version").fetchone()[0]
                if version != self._seen[0]:
                    row = connection.execute(_ACTIVE_DIGEST).fetchone()
                    self._seen = (version, row[0] if row else "")
                return self._seen[1]
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error

    def active(self) -> tuple[str, str]:
        """Return (digest, canonical JSON) of the applied bundle; both empty when none was applied.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        try:
            with self._file.lock:
                row = self._file.records.execute(_ACTIVE).fetchone()
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error
        return (row[0], row[1]) if row else ("", "")

    def put_bundle(self, digest: str, bundle: str, *, applied_by: str, previous: str, correlation_id: str = "") -> int:
        """Make a bundle the active one, together with its audit record `policy.applied`; survives power loss.

        Args:
            digest: SHA-256 of the bundle, lower-case hex.
            bundle: Its canonical JSON.
            applied_by: The operator's account.
            previous: Digest that the operator saw as active, empty for none.
            correlation_id: Joins this with other acts of one piece of work.

        Returns:
            The version: 1 for the first bundle of a deployment, then rising by one.

        Raises:
            BundleChangedError: `policy.bundle_changed`, when another bundle was applied meanwhile; nothing was written.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        try:
            with self._file.lock, transaction(self._file.effects):
                connection = self._file.effects
                row = connection.execute(_ACTIVE_DIGEST).fetchone()
                if (row[0] if row else "") != previous:
                    raise BundleChangedError(active=row[0] if row else "")
                entry = _applied(digest, applied_by, previous, correlation_id)
                record = self._audit.add(connection, entry)
                cursor = connection.execute(
                    _ADD_BUNDLE,
                    (digest, bundle, applied_by, instant(self._clock.wall()), record.seq),
                )
                return int(cursor.lastrowid or 0)
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error


class SqliteLeases:
    """Leases with fences, on the wall clock."""

    def __init__(self, file: StateFile, clock: Clock) -> None:
        """Keep leases in `file`."""
        self._file = file
        self._clock = clock

    def acquire(self, name: str, holder: str, *, ttl_s: int) -> Lease | None:
        """Return a lease, renewed when `holder` has it already, or `None` while another holder's lease runs.

        The fence rises whenever the lease was free or had run out, so work under an older fence can be told apart.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        now = self._clock.wall()
        expires_at = instant(now + timedelta(seconds=ttl_s))
        try:
            with self._file.lock, transaction(self._file.effects):
                connection = self._file.effects
                row = connection.execute(
                    "SELECT holder, fence, expires_at FROM lease WHERE name = ?", (name,)
                ).fetchone()
                running = row is not None and row[2] > instant(now)
                if running and row[0] != holder:
                    return None
                fence = row[1] if running else (row[1] if row else 0) + 1
                connection.execute(
                    "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)", (name, holder, fence, expires_at)
                )
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error
        return Lease(name=name, holder=holder, fence=fence, expires_at=expires_at)

    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is no longer held.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        query = "UPDATE lease SET expires_at = '' WHERE name = ? AND holder = ? AND fence = ?"
        try:
            with self._file.lock, transaction(self._file.effects):
                self._file.effects.execute(query, (lease.name, lease.holder, lease.fence))
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error


class State:
    """Everything a deployment keeps in its state file."""

    def __init__(self, directory: Path, *, clock: Clock, ids: Ids, busy_s: float = BUSY_S) -> None:
        """Open the state file in `directory`, made when it is missing; wait `busy_s` seconds at most for other writers.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        self.file = StateFile(directory, busy_s=busy_s)
        self.audit = SqliteAudit(self.file, clock, ids)
        self.bundles = SqliteBundles(self.file, self.audit, clock)
        self.leases = SqliteLeases(self.file, clock)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def instant(moment: datetime) -> str:
    """Return an aware UTC time as `YYYY-MM-DDTHH:MM:SS.ffffffZ`: fixed width, so text order is time order."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _applied(digest: str, applied_by: str, previous: str, correlation_id: str) -> AuditEntry:
    return AuditEntry(
        kind="policy.applied",
        correlation_id=correlation_id,
        causation_id="",
        trace="",
        actor=applied_by,
        facts={"bundle": digest, "previous": previous},
        fields={},
    )


def _json(value: JsonValue) -> str:
    return canonical(value).decode("utf-8")


def _record(row: tuple[int, bytes, str], details: list[tuple[str, str, str]]) -> AuditRecord:
    seq, leaf, leaf_hash = row
    try:
        told = json.loads(leaf)
        record_id, time = str(told["id"]), str(told["time"])
    except (ValueError, TypeError, KeyError):
        record_id, time = "", ""  # a damaged leaf is still shown and verified
    return AuditRecord(
        seq=seq,
        record_id=record_id,
        time=time,
        leaf=leaf,
        leaf_hash=leaf_hash,
        details={name: (salt, _value(value)) for name, salt, value in details},
    )


def _value(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return {"damaged": text}
    return value
