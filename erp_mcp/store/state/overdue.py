"""What waits too long: for a decision, so that others are told, or for a worker after it, so that it is gone.

Every worker asks before each piece of work, so asking holds nothing and reads a content once in a process; only what is
over is then held and looked at whole.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import ESCALATED, State
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import COLUMNS, Stored, stored

_TOLD: Final = "SELECT 1 FROM outbox WHERE aggregate_id = {} AND type = '" + ESCALATED + "'"
_WAITING: Final = (
    "SELECT proposal_id, digest, since FROM proposal WHERE state = 'AWAITING_APPROVAL'"
    f" AND NOT EXISTS ({_TOLD.format('proposal.proposal_id')}) ORDER BY proposal_id"
)
# What a worker has had once was taken up; whether an outage holds it up then is another question.
_UNTOUCHED: Final = (
    "SELECT proposal_id, digest, since FROM proposal WHERE state = 'APPROVED' AND fence = 0 ORDER BY proposal_id"
)
_CONTENT: Final = "SELECT content FROM proposal WHERE proposal_id = ?"
_ONE: Final = f"SELECT {COLUMNS} FROM proposal WHERE proposal_id = ?"
_HELD: Final = f"SELECT {COLUMNS} FROM proposal WHERE proposal_id = ? AND state = ? AND fence = 0"
_NEVER: Final = (0, "")


class Overdue:
    """Finds what waits too long, and keeps what a content says of its time for as long as it waits."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: dict[State, dict[tuple[str, str], tuple[int, str]]] = {}

    def escalated(self, session: Session, now: datetime) -> list[str]:
        """Return ids of what waits for a decision for so long that others may decide too, and was not told of yet."""
        found = self._found(session, _WAITING, State.AWAITING_APPROVAL, "escalates_s")
        return [one for one, seconds, made, _ in found if _is_over(seconds, made, now)]

    def not_taken_up(self, session: Session, now: datetime) -> list[str]:
        """Return ids of what was approved and no worker has taken up in the time that policy gives it."""
        found = self._found(session, _UNTOUCHED, State.APPROVED, "carry_out_s")
        return [one for one, seconds, _, since in found if _is_over(seconds, since, now)]

    def _found(self, session: Session, statement: str, state: State, term: str) -> list[tuple[str, int, str, str]]:
        """Return id, seconds that its terms give, when it was made and since when it stands so, for each."""
        before, now = self._kept.get(state, {}), {}
        found = []
        for proposal_id, digest, since in session.execute(statement).fetchall():
            of = (proposal_id, digest)
            now[of] = before.get(of) or _told(session, proposal_id, term)
            found.append((proposal_id, *now[of], since))
        self._kept[state] = now
        return found


def held_for_decision(session: Session, proposal_id: str, now: datetime) -> Stored | None:
    """Return what others are to be told of, the caller's until its transaction ends; `None` where it is not so."""
    one = _held(session, proposal_id, State.AWAITING_APPROVAL)
    if one is None or one.content is None:
        return None
    if session.execute(_TOLD.format("?"), (proposal_id,)).fetchone() is not None:
        return None
    return one if _is_over(one.content.terms.escalates_s, one.content.created_at, now) else None


def held_untouched(session: Session, proposal_id: str, now: datetime) -> Stored | None:
    """Return what nobody took up in time, the caller's until its transaction ends; `None` where it is not so."""
    one = _held(session, proposal_id, State.APPROVED)
    if one is None or one.content is None:
        return None
    return one if _is_over(one.content.terms.carry_out_s, one.since, now) else None


def held(session: Session, proposal_id: str) -> Stored | None:
    """Return a proposal wherever it stands, the caller's until its transaction ends; `None` where somebody has it.

    Raises:
        ProposalDamagedError: `proposal.damaged`, when it stands in no known state.
    """
    row = session.execute(_ONE + session.skipping, (proposal_id,)).fetchone()
    return stored(row) if row else None


def _held(session: Session, proposal_id: str, state: State) -> Stored | None:
    row = session.execute(_HELD + session.skipping, (proposal_id, str(state))).fetchone()
    return stored(row) if row else None


def _told(session: Session, proposal_id: str, term: str) -> tuple[int, str]:
    """Return what a content says, unverified: whatever it makes overdue is looked at whole before anything is done."""
    row = session.execute(_CONTENT, (proposal_id,)).fetchone()
    try:
        told = json.loads(row[0])
        seconds, made = told["terms"][term], told["created_at"]
        parse_instant(made)
        return int(seconds), str(made)
    except (TypeError, ValueError, KeyError, RecursionError, AttributeError):
        return _NEVER  # damaged, or gone between the two looks


def _is_over(seconds: int, since: str, now: datetime) -> bool:
    return bool(seconds) and parse_instant(since) + timedelta(seconds=seconds) <= now
