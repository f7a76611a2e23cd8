"""Audit records: one append-only chain for all processes of a deployment."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Final

from erp_mcp.audit.record import GENESIS, build
from erp_mcp.domain.audit import AuditEntry, AuditRecord
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.taint import OUTSIDER_TEXT
from erp_mcp.errors import AuditUnavailableError, StateUnavailableError
from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state import taint_note
from erp_mcp.store.state.engine import AUDIT, Engine, Session

_LAST: Final = "SELECT seq, leaf_hash FROM audit_record ORDER BY seq DESC LIMIT 1"
_ADD_RECORD: Final = "INSERT INTO audit_record (seq, leaf, leaf_hash) VALUES (?, ?, ?)"
_ADD_DETAIL: Final = "INSERT INTO audit_detail (seq, name, salt, value) VALUES (?, ?, ?, ?)"
_READ: Final = "SELECT seq, leaf, leaf_hash FROM audit_record WHERE seq > ? ORDER BY seq LIMIT ?"
_BELOW_FIRST: Final = "SELECT seq, leaf, leaf_hash FROM audit_record WHERE seq < 1 ORDER BY seq LIMIT ?"
_STRAYS: Final = (
    "SELECT seq FROM (SELECT seq FROM audit_detail UNION SELECT audit_seq FROM policy_bundle"
    " UNION SELECT audit_seq FROM outbox) AS told"
    " WHERE seq NOT IN (SELECT seq FROM audit_record) ORDER BY seq LIMIT ?"
)
_READ_DETAILS: Final = "SELECT seq, name, salt, value FROM audit_detail WHERE seq BETWEEN ? AND ?"
_FIND: Final = "SELECT seq FROM audit_record WHERE instr(leaf, ?) > 0 ORDER BY seq DESC LIMIT ?"
_PAGE: Final = 1000


class StoredAudit:
    """Append-only audit records; several processes append to one chain."""

    def __init__(self, engine: Engine, clock: Clock, ids: Ids) -> None:
        """Keep records in what `engine` speaks to, with times of `clock.wall` and ids of `ids`."""
        self._engine = engine
        self._clock = clock
        self._ids = ids

    def append(self, entry: AuditEntry) -> AuditRecord:
        """Write one entry, durable against the death of the process, and return its record.

        Raises:
            AuditUnavailableError: `audit.unavailable`; nothing was written.
        """
        try:
            with self._engine.recording() as session:
                return self.add(session, entry)
        except (StateUnavailableError, ValueError, OSError) as error:
            raise _unavailable(error) from error

    def add(self, session: Session, entry: AuditEntry) -> AuditRecord:
        """Write one entry inside a transaction of the caller, so that it stands or falls with what it records.

        The end of the chain is this transaction's from now on, so it must not wait for anybody any more.
        """
        session.lock(AUDIT)
        seq, prev = session.execute(_LAST).fetchone() or (0, GENESIS)
        record = build(
            entry,
            seq=seq + 1,
            prev=prev,
            record_id=self._ids.new(),
            time=exact_instant(self._clock.wall()),
            salts=secrets.token_bytes,
        )
        session.execute(_ADD_RECORD, (record.seq, record.leaf, record.leaf_hash))
        if record.details:
            rows = [(record.seq, name, salt, _json(value)) for name, (salt, value) in record.details.items()]
            session.executemany(_ADD_DETAIL, rows)
        outsiders = entry.facts.get(OUTSIDER_TEXT)
        if isinstance(outsiders, list) and outsiders:
            taint_note.note(session, entry.actor, exact_instant(self._clock.wall()), [str(one) for one in outsiders])
        return record

    def read(self, *, after: int = 0, limit: int = 100) -> list[AuditRecord]:
        """Return records with `seq > after`, oldest first.

        Raises:
            AuditUnavailableError: `audit.unavailable`, when the file can't be read.
        """
        try:
            with self._engine.reading() as session:
                rows = session.execute(_READ, (after, limit)).fetchall()
                if not rows:
                    return []
                details = session.execute(_READ_DETAILS, (rows[0][0], rows[-1][0])).fetchall()
        except StateUnavailableError as error:
            raise _unavailable(error) from error
        kept: dict[int, list[tuple[str, str, str]]] = {}
        for seq, name, salt, value in details:
            kept.setdefault(seq, []).append((name, salt, value))
        return [record_of(row, kept.get(row[0], [])) for row in rows]

    def read_all(self) -> Iterator[AuditRecord]:
        """Yield all records, oldest first, a thousand in memory at a time; also those put in before the first."""
        yield from self._before_first()
        after = 0
        while page := self.read(after=after, limit=_PAGE):
            yield from page
            after = page[-1].seq

    def strays(self, *, limit: int = 100) -> list[int]:
        """Return numbers that kept values, applied bundles or events carry although no record does: it is gone."""
        return [seq for (seq,) in self._rows(_STRAYS, (limit,))]

    def _before_first(self) -> Iterator[AuditRecord]:
        """Yield records with numbers below 1; none is ever written, so whoever put one there is found."""
        for seq, leaf, leaf_hash in self._rows(_BELOW_FIRST, (_PAGE,)):
            yield record_of((seq, leaf, leaf_hash), [])

    def _rows(self, query: str, values: tuple[int | bytes, ...]) -> list[tuple[Any, ...]]:
        try:
            with self._engine.reading() as session:
                return session.execute(query, values).fetchall()
        except StateUnavailableError as error:
            raise _unavailable(error) from error

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


def _unavailable(error: Exception) -> AuditUnavailableError:
    facts = error.facts if isinstance(error, StateUnavailableError) else {"reason": type(error).__name__}
    return AuditUnavailableError(**facts)


def _json(value: JsonValue) -> str:
    return canonical(value).decode("utf-8")


def record_of(row: tuple[int, bytes, str], details: Sequence[tuple[str, str, str]]) -> AuditRecord:
    """Return a record from its row and its details, each a name, a salt and a value as text."""
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
