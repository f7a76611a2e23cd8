"""Looking at proposals on SQLite: standing, decisions, events."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from erp_mcp.domain.audit import KeptProposal
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Event, Proposal, SignedDecision
from erp_mcp.errors import ProposalDamagedError, ProposalNotFoundError
from erp_mcp.ports import Clock
from erp_mcp.store.state.file import StateFile
from erp_mcp.store.state.rows import (
    COLUMNS,
    COUNTING,
    DECISION_COLUMNS,
    EVENT_COLUMNS,
    Stored,
    decision,
    event,
    kept,
    stored,
)

_ONE: Final = f"SELECT {COLUMNS} FROM proposal WHERE proposal_id = ?"
_BY_KEY: Final = f"SELECT {COLUMNS} FROM proposal WHERE agent = ? AND tool = ? AND idempotency_key = ?"
_OF_AGENT: Final = f"SELECT {COLUMNS} FROM proposal WHERE agent = ? AND proposal_id < ? ORDER BY proposal_id DESC"
_IN_STATES: Final = (
    f"SELECT {COLUMNS} FROM proposal WHERE state IN (SELECT value FROM json_each(?)) ORDER BY proposal_id LIMIT ?"
)
_SAME: Final = (
    "SELECT proposal_id FROM proposal WHERE agent = ? AND fingerprint = ? AND made_at > ?"
    f" AND state IN (SELECT value FROM json_each('{COUNTING}')) ORDER BY proposal_id DESC LIMIT 1"
)
WAS_SENT: Final = (
    "EXISTS (SELECT 1 FROM outbox WHERE aggregate_id = proposal.proposal_id AND type = 'proposal.sending')"
)
_NOT_APPLIED: Final = (
    f"SELECT {COLUMNS} FROM proposal WHERE agent = ? AND fingerprint = ? AND (state = 'NOT_APPLIED'"
    f" OR (state IN ('CANCELLED', 'DENIED', 'EXPIRED', 'NEEDS_HUMAN', 'STALE') AND {WAS_SENT}))"
    " ORDER BY proposal_id DESC"
)
_DECISIONS: Final = f"SELECT {DECISION_COLUMNS} FROM decision WHERE proposal_id = ? ORDER BY decided_at, approver_id"
_HISTORY: Final = f"SELECT {EVENT_COLUMNS} FROM outbox WHERE aggregate_id = ? ORDER BY audit_seq"
_EVENTS: Final = f"SELECT {EVENT_COLUMNS} FROM outbox WHERE audit_seq > ? ORDER BY audit_seq LIMIT ?"
_LAST_EVENTS: Final = f"SELECT {EVENT_COLUMNS} FROM outbox ORDER BY audit_seq DESC LIMIT ?"
_STANDING: Final = "SELECT state, COUNT(*) FROM proposal GROUP BY state ORDER BY state"
_KEPT: Final = (
    "SELECT proposal_id, state, digest, content, receipt FROM proposal WHERE proposal_id > ?"
    " ORDER BY proposal_id LIMIT 500"
)


class ProposalReads:
    """What is read of proposals; nothing here changes anything."""

    def __init__(self, file: StateFile, clock: Clock) -> None:
        """Read from `file`; times are of `clock.wall`."""
        self._file = file
        self._clock = clock

    def get(self, proposal_id: str) -> Proposal:
        """Return a proposal.

        Raises:
            ProposalNotFoundError: `proposal.not_found`.
            ProposalDamagedError: `proposal.damaged`, when its row is not what was written.
            StateUnavailableError: `state.unavailable`.
        """
        with self._file.reading() as connection:
            return found(connection, proposal_id).proposal

    def by_key(self, agent: str, tool: str, idempotency_key: str) -> Proposal | None:
        """Return the proposal that an agent made with a key, if there is one; raises as `get`."""
        with self._file.reading() as connection:
            row = connection.execute(_BY_KEY, (agent, tool, idempotency_key)).fetchone()
        return stored(row).proposal if row else None

    def same(self, agent: str, fingerprint: str, *, within_s: int) -> str:
        """Return the id of a live or committed proposal of the same meaning made within the last seconds, or empty."""
        since = exact_instant(self._clock.wall() - timedelta(seconds=within_s))
        with self._file.reading() as connection:
            row = connection.execute(_SAME, (agent, fingerprint, since)).fetchone()
        return str(row[0]) if row else ""

    def not_applied(self, agent: str, fingerprint: str, *, limit: int = 20) -> list[Proposal]:
        """Return an agent's proposals of the same meaning that were sent and ended as not written, newest first."""
        with self._file.reading() as connection, closing(connection.cursor()) as cursor:
            return list(islice(_readable(cursor.execute(_NOT_APPLIED, (agent, fingerprint))), limit))

    def of_agent(self, agent: str, *, before: str = "", limit: int = 50) -> list[Proposal]:
        """Return an agent's proposals, newest first, those before an id; damaged ones are left out, `get` tells."""
        with self._file.reading() as connection, closing(connection.cursor()) as cursor:
            return list(islice(_readable(cursor.execute(_OF_AGENT, (agent, before or "~"))), limit))

    def in_states(self, states: tuple[State, ...], *, limit: int = 200) -> list[Proposal]:
        """Return proposals that stand in one of the states, oldest first; damaged ones are left out, `get` tells."""
        with self._file.reading() as connection:
            rows = connection.execute(_IN_STATES, (json.dumps([str(one) for one in states]), limit)).fetchall()
        return list(_readable(rows))

    def decisions(self, proposal_id: str) -> list[SignedDecision]:
        """Return the decisions about a proposal, oldest first; nothing of them is verified here."""
        with self._file.reading() as connection:
            return [decision(row) for row in connection.execute(_DECISIONS, (proposal_id,))]

    def history(self, proposal_id: str) -> list[Event]:
        """Return the events of a proposal, oldest first."""
        with self._file.reading() as connection:
            return [event(row) for row in connection.execute(_HISTORY, (proposal_id,))]

    def events(self, *, after: int = 0, limit: int = 100) -> list[Event]:
        """Return events whose audit record is numbered above `after`, oldest first."""
        with self._file.reading() as connection:
            return [event(row) for row in connection.execute(_EVENTS, (after, limit))]

    def last_events(self, limit: int) -> list[Event]:
        """Return the newest events, at most `limit`, oldest first."""
        with self._file.reading() as connection:
            return [event(row) for row in reversed(connection.execute(_LAST_EVENTS, (limit,)).fetchall())]

    def standing(self) -> dict[str, int]:
        """Return how many proposals stand in each state that any stands in."""
        with self._file.reading() as connection:
            return dict(connection.execute(_STANDING).fetchall())

    def kept(self) -> Iterator[KeptProposal]:
        """Yield what the rows of all proposals hold, damaged or not, for verification against the audit."""
        after = ""
        while True:
            with self._file.reading() as connection:
                rows = connection.execute(_KEPT, (after,)).fetchall()
            if not rows:
                return
            yield from (kept(*row) for row in rows)
            after = rows[-1][0]


def found(connection: sqlite3.Connection, proposal_id: str) -> Stored:
    """Return the row of a proposal as the connection sees it.

    Raises:
        ProposalNotFoundError: `proposal.not_found`.
        ProposalDamagedError: `proposal.damaged`, when it stands in no known state.
    """
    row = connection.execute(_ONE, (proposal_id,)).fetchone()
    if row is None:
        raise ProposalNotFoundError
    return stored(row)


def _readable(rows: Iterable[tuple[Any, ...]]) -> Iterator[Proposal]:
    for row in rows:
        with suppress(ProposalDamagedError):
            yield stored(row).proposal
