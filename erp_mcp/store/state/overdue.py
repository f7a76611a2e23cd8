"""What waits too long: for a decision, so that others are told, or for a worker after it, so that it is gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import ESCALATED
from erp_mcp.domain.proposal import Content
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import COLUMNS, Stored, stored

_WAITING: Final = (
    f"SELECT {COLUMNS} FROM proposal WHERE state = 'AWAITING_APPROVAL' AND NOT EXISTS"
    f" (SELECT 1 FROM outbox WHERE aggregate_id = proposal.proposal_id AND type = '{ESCALATED}') ORDER BY proposal_id"
)
# What a worker has had once was taken up; whether an outage holds it up then is another question.
_UNTOUCHED: Final = f"SELECT {COLUMNS} FROM proposal WHERE state = 'APPROVED' AND fence = 0 ORDER BY proposal_id"


def escalated(session: Session, now: datetime) -> list[tuple[Stored, Content]]:
    """Return what waits for a decision for so long that others may decide as well, and was not told of yet."""
    rows = (stored(row) for row in session.execute(_WAITING + session.skipping).fetchall())
    found = [(one, one.content) for one in rows if one.content is not None]
    return [(one, content) for one, content in found if _is_escalated(content, now)]


def not_taken_up(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Return id and state of what was approved and no worker has taken up in the time that policy gives it."""
    rows = (stored(row) for row in session.execute(_UNTOUCHED + session.skipping).fetchall())
    found = [(one, one.content.terms.carry_out_s) for one in rows if one.content is not None]
    return [
        (one.proposal_id, one.state)
        for one, seconds in found
        if seconds and parse_instant(one.since) + timedelta(seconds=seconds) <= now
    ]


def _is_escalated(content: Content, now: datetime) -> bool:
    seconds = content.terms.escalates_s
    return bool(seconds) and parse_instant(content.created_at) + timedelta(seconds=seconds) <= now
