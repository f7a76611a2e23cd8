"""Looking at proposals: standing, decisions, events."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from erp_mcp.domain.audit import KeptProposal, Told
from erp_mcp.domain.duties import Yes
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import (
    BrokenGlass,
    Content,
    DamagedProposal,
    Event,
    Proposal,
    SignedDecision,
    SignedResolution,
    TakeBackOrder,
)
from erp_mcp.errors import ProposalDamagedError, ProposalNotFoundError
from erp_mcp.ports import Clock
from erp_mcp.store.state import glass, limits
from erp_mcp.store.state.audit import record_of
from erp_mcp.store.state.duties import asked, earlier
from erp_mcp.store.state.engine import Engine, Session
from erp_mcp.store.state.parts import orders_of, parts_of
from erp_mcp.store.state.rows import (
    COLUMNS,
    COUNTING,
    DECISION_COLUMNS,
    EVENT_COLUMNS,
    RESOLUTION_COLUMNS,
    Stored,
    decision,
    event,
    in_sql,
    in_table,
    kept,
    resolution,
    stored,
)

_ONE: Final = f"SELECT {COLUMNS} FROM proposal WHERE proposal_id = ?"
_BEARING: Final = f"SELECT {COLUMNS} FROM proposal WHERE content LIKE ? ORDER BY proposal_id DESC"
_BY_KEY: Final = f"SELECT {COLUMNS} FROM proposal WHERE agent = ? AND tool = ? AND idempotency_key = ?"
_OF_AGENT: Final = (
    f"SELECT {COLUMNS} FROM proposal WHERE agent = :agent AND part_of = '' AND proposal_id < :before"
    " ORDER BY proposal_id DESC LIMIT :limit"
)
_IN_STATES: Final = f"SELECT {COLUMNS} FROM proposal WHERE state IN ({{states}}) ORDER BY proposal_id{{order}} LIMIT ?"
_SAME: Final = (
    "SELECT CASE part_of WHEN '' THEN proposal_id ELSE part_of END FROM proposal"  # agents know the whole of a part
    " WHERE agent = ? AND fingerprint = ? AND made_at > ?"
    f" AND state IN ({COUNTING}) AND NOT EXISTS (SELECT 1 FROM proposal AS whole"  # all of that one was taken back
    " WHERE whole.proposal_id = proposal.part_of AND whole.state = 'COMPENSATED')"
    " ORDER BY 1 DESC LIMIT 1"
)
WAS_SENT: Final = (
    "EXISTS (SELECT 1 FROM outbox WHERE aggregate_id = proposal.proposal_id AND type = 'proposal.sending')"
)
_TAKEN_BACK_BY: Final = (
    "SELECT proposal_id FROM proposal WHERE undoes = ? AND undoes <> '' AND agent = ?"
    f" AND state IN ({COUNTING}) ORDER BY proposal_id LIMIT 1"
)
_NOT_APPLIED: Final = (
    f"SELECT {COLUMNS} FROM proposal WHERE agent = :agent AND fingerprint = :fingerprint AND proposal_id < :before"
    f" AND (state = 'NOT_APPLIED'"
    f" OR (state IN ('CANCELLED', 'DENIED', 'EXPIRED', 'NEEDS_HUMAN', 'STALE') AND {WAS_SENT}))"
    " ORDER BY proposal_id DESC LIMIT :limit"
)
_DECISIONS: Final = f"SELECT {DECISION_COLUMNS} FROM decision WHERE proposal_id = ? ORDER BY decided_at, approver_id"
_RESOLUTION: Final = f"SELECT {RESOLUTION_COLUMNS} FROM resolution WHERE proposal_id = ?"
_DECIDED_SINCE: Final = (
    f"SELECT {in_table('decision', DECISION_COLUMNS)}, {in_table('proposal', COLUMNS)}"
    " FROM decision JOIN proposal USING (proposal_id) WHERE decision.decided_at > ?"
    " ORDER BY decision.decided_at, decision.proposal_id"
)
_HISTORY: Final = f"SELECT {EVENT_COLUMNS} FROM outbox WHERE aggregate_id = ? ORDER BY audit_seq"
_TAKEN_IN: Final = (
    "SELECT record.leaf FROM outbox JOIN audit_record AS record ON record.seq = outbox.audit_seq"
    " WHERE outbox.aggregate_id = :proposal AND outbox.type = 'proposal.awaiting_ack' AND outbox.audit_seq >"
    " (SELECT COALESCE(MAX(sent.audit_seq), 0) FROM outbox AS sent"
    " WHERE sent.aggregate_id = :proposal AND sent.type = 'proposal.sending') ORDER BY outbox.audit_seq DESC"
)
_EVENTS: Final = f"SELECT {EVENT_COLUMNS} FROM outbox WHERE audit_seq > ? ORDER BY audit_seq LIMIT ?"
_LAST_EVENTS: Final = f"SELECT {EVENT_COLUMNS} FROM outbox ORDER BY audit_seq DESC LIMIT ?"
_STANDING: Final = "SELECT state, COUNT(*) FROM proposal WHERE state IN ({states}) GROUP BY state ORDER BY state"
_KEPT: Final = (
    "SELECT proposal_id, state, digest, content, receipt FROM proposal WHERE proposal_id > ?"
    " ORDER BY proposal_id LIMIT 500"
)
_ROWS: Final = "SELECT proposal_id, state, digest, content, receipt FROM proposal WHERE {} ORDER BY proposal_id"
_ITSELF: Final = _ROWS.format("proposal_id = ?")
_ITS_PARTS: Final = _ROWS.format("part_of = ? AND part_of <> ''")
_TOLD: Final = (
    "SELECT outbox.aggregate_id, outbox.type, COALESCE(prior.leaf_hash, ''), own.seq, own.leaf, own.leaf_hash"
    " FROM outbox LEFT JOIN audit_record AS own ON own.seq = outbox.audit_seq"
    " LEFT JOIN audit_record AS prior ON prior.seq = outbox.audit_seq - 1"
    " WHERE outbox.aggregate_id IN ({}) ORDER BY outbox.audit_seq"
)
_DETAILS: Final = (
    "SELECT seq, name, salt, value FROM audit_detail"
    " WHERE seq IN (SELECT audit_seq FROM outbox WHERE aggregate_id IN ({}))"
)


class ProposalReads:
    """What is read of proposals; nothing here changes anything."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Read from what `engine` speaks to; times are of `clock.wall`."""
        self._engine = engine
        self._clock = clock

    def get(self, proposal_id: str) -> Proposal:
        """Return a proposal.

        Raises:
            ProposalNotFoundError: `proposal.not_found`.
            ProposalDamagedError: `proposal.damaged`, when its row is not what was written.
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            return found(session, proposal_id).proposal

    def bearing(self, reference: str) -> list[str]:
        """Return the ids of the proposals with a reference, newest first; that of a damaged row counts by its text.

        Every proposal is looked at: it is a person who asks.
        """
        with self._engine.reading() as session:
            rows = [stored(row) for row in session.execute(_BEARING, (f'%"reference":"{reference}"%',))]
        return [one.proposal_id for one in rows if one.content is None or one.content.command.reference == reference]

    def by_key(self, agent: str, tool: str, idempotency_key: str) -> Proposal | None:
        """Return the proposal that an agent made with a key, if there is one; raises as `get`."""
        with self._engine.reading() as session:
            row = session.execute(_BY_KEY, (agent, tool, idempotency_key)).fetchone()
        return stored(row).proposal if row else None

    def same(self, agent: str, fingerprint: str, *, within_s: int) -> str:
        """Return the newest live or committed proposal of the same meaning made within the last seconds, or empty.

        For a part of several changes as one it is the whole.
        """
        with self._engine.reading() as session:
            return same_as(session, agent, fingerprint, self._clock.wall() - timedelta(seconds=within_s))

    def taken_back_by(self, agent: str, proposal_id: str) -> str:
        """Return the id of an agent's live or committed proposal that takes another one back, or empty."""
        with self._engine.reading() as session:
            row = session.execute(_TAKEN_BACK_BY, (proposal_id, agent)).fetchone()
        return str(row[0]) if row else ""

    def not_applied(self, agent: str, fingerprint: str, *, limit: int = 20) -> list[Proposal]:
        """Return an agent's proposals of the same meaning that were sent and ended as not written, newest first."""
        with self._engine.reading() as session:
            asked = {"agent": agent, "fingerprint": fingerprint}
            return _newest(session, _NOT_APPLIED, asked, limit)

    def of_agent(self, agent: str, *, before: str = "", limit: int = 50) -> list[Proposal]:
        """Return an agent's proposals, newest first, those before an id; parts and damaged ones are left out."""
        with self._engine.reading() as session:
            return _newest(session, _OF_AGENT, {"agent": agent}, limit, before=before)

    def in_states(self, states: tuple[State, ...], *, limit: int = 200, newest: bool = False) -> list[Proposal]:
        """Return proposals that stand in one of the states, oldest first: the oldest of them, or the `newest`.

        Damaged ones are left out, see `damaged`.
        """
        with self._engine.reading() as session:
            statement = _in_states(states, order=" DESC" if newest else "")
            rows = session.execute(statement, (*(str(one) for one in states), limit)).fetchall()
        return list(_readable(rows[::-1] if newest else rows))

    def damaged(self, states: tuple[State, ...]) -> list[DamagedProposal]:
        """Return those in one of the states whose row is not what was written, by id; nothing of their content."""
        with self._engine.reading() as session:
            statement = _in_states(states).removesuffix(" LIMIT ?")
            found = [stored(row) for row in session.execute(statement, tuple(str(one) for one in states))]
        return [
            DamagedProposal(proposal_id=one.proposal_id, state=one.state, since=one.since, reason=one.reason)
            for one in found
            if one.content is None
        ]

    def decisions(self, proposal_id: str) -> list[SignedDecision]:
        """Return the decisions about a proposal, oldest first; nothing of them is verified here."""
        with self._engine.reading() as session:
            return [decision(row) for row in session.execute(_DECISIONS, (proposal_id,))]

    def broken_glass(self, proposal_id: str) -> BrokenGlass | None:
        """Return since when a proposal is approved in an emergency and what became of its review, `None` for others.

        Nothing of it is verified here.
        """
        with self._engine.reading() as session:
            return glass.one(session, proposal_id)

    def to_review(self) -> list[BrokenGlass]:
        """Return what was approved in an emergency and nobody has looked at yet, what is due first before."""
        with self._engine.reading() as session:
            return glass.open_(session)

    def glass_broken(self, *, limit: int = 50) -> list[BrokenGlass]:
        """Return what was approved in an emergency, newest first."""
        with self._engine.reading() as session:
            return glass.newest(session, limit)

    def resolution(self, proposal_id: str) -> SignedResolution | None:
        """Return what an operator stated of a proposal, if anybody did; nothing of it is verified here."""
        with self._engine.reading() as session:
            row = session.execute(_RESOLUTION, (proposal_id,)).fetchone()
        return resolution(row) if row else None

    def orders(self, proposal_id: str) -> list[TakeBackOrder]:
        """Return what people ordered of a saga that was stuck, oldest first; nothing of it is verified here."""
        with self._engine.reading() as session:
            return orders_of(session, proposal_id)

    def decided(self, since: str) -> list[tuple[SignedDecision, Proposal]]:
        """Return the decisions after an instant with what they are about, oldest first; damaged ones are left out."""
        with self._engine.reading() as session:
            rows = session.execute(_DECIDED_SINCE, (since,)).fetchall()
        width = len(DECISION_COLUMNS.split(","))
        found: list[tuple[SignedDecision, Proposal]] = []
        for row in rows:
            with suppress(ProposalDamagedError):
                found.append((decision(row[:width]), stored(row[width:]).proposal))
        return found

    def said_yes(self, approver_id: str, since: datetime) -> list[Yes]:
        """Return what somebody said yes to after a moment, newest first, at most 1,000."""
        with self._engine.reading() as session:
            return earlier(session, approver_id, since)

    def asked_for(self, tools: Sequence[str], names: Collection[str], since: datetime) -> list[Yes]:
        """Return what people of these normalised names asked for with some tools after a moment."""
        with self._engine.reading() as session:
            return asked(session, tools, names, since)

    def parts(self, proposal_id: str) -> list[Proposal]:
        """Return the parts of a saga that were begun, oldest first; raises as `get`."""
        with self._engine.reading() as session:
            return parts_of(session, proposal_id)

    def history(self, proposal_id: str) -> list[Event]:
        """Return the events of a proposal, oldest first."""
        with self._engine.reading() as session:
            return [event(row) for row in session.execute(_HISTORY, (proposal_id,))]

    def ticket(self, proposal_id: str) -> str:
        """Return what its system gave last for asking what became of it, since it was last sent; empty where nothing.

        It stands in the audit record of the move that it came with, which nothing can change.
        """
        with self._engine.reading() as session:
            leaves = session.execute(_TAKEN_IN, {"proposal": proposal_id}).fetchall()
        return next(filter(None, (_ticket(leaf) for (leaf,) in leaves)), "")

    def recorded(self, proposal_id: str) -> tuple[list[KeptProposal], list[Told]]:
        """Return what the row of a proposal and those of its parts hold, and what their events point to, oldest first.

        All of it is as of one moment; nothing of it is verified here.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.snapshot(), self._engine.reading() as session:
            whole = session.execute(_ITSELF, (proposal_id,)).fetchall()
            rows = [kept(*row) for row in whole + session.execute(_ITS_PARTS, (proposal_id,)).fetchall()]
            ids = [row.proposal_id for row in rows]
            places = ", ".join("?" * len(ids)) or "NULL"
            told = session.execute(_TOLD.format(places), ids).fetchall()
            details: dict[int, list[tuple[str, str, str]]] = {}
            for seq, *detail in session.execute(_DETAILS.format(places), ids).fetchall():
                details.setdefault(seq, []).append((detail[0], detail[1], detail[2]))
        return rows, [_told(row, details) for row in told]

    def events(self, *, after: int = 0, limit: int = 100) -> list[Event]:
        """Return events whose audit record is numbered above `after`, oldest first."""
        with self._engine.reading() as session:
            return [event(row) for row in session.execute(_EVENTS, (after, limit))]

    def last_events(self, limit: int) -> list[Event]:
        """Return the newest events, at most `limit`, oldest first."""
        with self._engine.reading() as session:
            return [event(row) for row in reversed(session.execute(_LAST_EVENTS, (limit,)).fetchall())]

    def used(self, content: Content) -> list[int]:
        """Return for each limit of a proposal what all others have taken of it within its window, in its integers."""
        with self._engine.reading() as session:
            return limits.taken(session, content, self._clock.wall())

    def standing(self, states: Iterable[State] = tuple(State)) -> dict[str, int]:
        """Return how many proposals stand in each of some states that any stands in; what is over may be very many."""
        with self._engine.reading() as session:
            return dict(session.execute(_STANDING.format(states=in_sql(states))).fetchall())

    def kept(self) -> Iterator[KeptProposal]:
        """Yield what the rows of all proposals hold, damaged or not, for verification against the audit."""
        after = ""
        while True:
            with self._engine.reading() as session:
                rows = session.execute(_KEPT, (after,)).fetchall()
            if not rows:
                return
            yield from (kept(*row) for row in rows)
            after = rows[-1][0]


def _told(row: Sequence[Any], details: Mapping[int, Sequence[tuple[str, str, str]]]) -> Told:
    proposal_id, kind, before, seq, leaf, leaf_hash = row
    record = None if seq is None else record_of((seq, leaf, leaf_hash), details.get(seq, ()))
    return Told(proposal_id=proposal_id, kind=kind, record=record, before=before)


def _ticket(leaf: bytes) -> str:
    """Return the ticket that a record has in the clear, empty where it has none or is not what was written."""
    try:
        told = json.loads(leaf)["facts"].get("ticket", "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
    return told if isinstance(told, str) else ""


def _in_states(states: tuple[State, ...], *, order: str = "") -> str:
    return _IN_STATES.format(states=", ".join("?" * len(states)) or "NULL", order=order)


def same_as(session: Session, agent: str, fingerprint: str, since: datetime) -> str:
    """Return the newest live or committed proposal of an agent of the same meaning made after a moment, or empty.

    For a part of several changes as one it is the whole.
    """
    row = session.execute(_SAME, (agent, fingerprint, exact_instant(since))).fetchone()
    return str(row[0]) if row else ""


def found(session: Session, proposal_id: str, *, held: bool = False) -> Stored:
    """Return the row of a proposal as the session sees it; `held`, it is the caller's until its transaction ends.

    Raises:
        ProposalNotFoundError: `proposal.not_found`.
        ProposalDamagedError: `proposal.damaged`, when it stands in no known state.
    """
    row = session.execute(_ONE + session.holding if held else _ONE, (proposal_id,)).fetchone()
    if row is None:
        raise ProposalNotFoundError
    return stored(row)


def _newest(session: Session, statement: str, asked: dict[str, str], limit: int, *, before: str = "") -> list[Proposal]:
    """Return the first readable proposals of a list whose newest come first; damaged ones do not shorten it."""
    readable: list[Proposal] = []
    before = before or "~"  # behind every id
    while len(readable) < limit:
        rows = session.execute(statement, {**asked, "before": before, "limit": limit}).fetchall()
        readable += _readable(rows)
        if len(rows) < limit:
            break
        before = rows[-1][0]
    return readable[:limit]


def _readable(rows: Iterable[tuple[Any, ...]]) -> Iterator[Proposal]:
    for row in rows:
        with suppress(ProposalDamagedError):
            yield stored(row).proposal
