"""Business limits, counted exactly: inside the transaction that proposes, and again inside the one that sends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.proposal import Content, LimitUse
from erp_mcp.errors import LimitExceededError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import COUNTING, SENT

_ADD: Final = "INSERT INTO limit_use (proposal_id, limit_id, key, amount, at) VALUES (?, ?, ?, ?, ?)"
_SENT_NOW: Final = "UPDATE limit_use SET at = ? WHERE proposal_id = ?"
# What waits although its time is over counts no more, whether or not a worker has come by to say so.
_USED: Final = (
    "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM limit_use JOIN proposal USING (proposal_id)"
    " WHERE limit_id = :limit AND key = :key AND at > :since AND proposal_id <> :this"
    " AND (state IN ({states}){or_so})"
    " AND NOT (state IN ('PROPOSED', 'AWAITING_APPROVAL', 'APPROVED') AND ends_at <= :now)"
)
# A saga counts for all of its steps as soon as the first of them is begun.
_BEGUN: Final = (
    " OR (state = 'CLAIMED' AND EXISTS (SELECT 1 FROM proposal AS part WHERE part.part_of = proposal.proposal_id))"
)
_USED_PROPOSED: Final = _USED.format(states=COUNTING, or_so="")
_USED_SENT: Final = _USED.format(states=SENT, or_so=_BEGUN)


def check_proposed(session: Session, content: Content, now: datetime) -> None:
    """Refuse a proposal that would go beyond a limit, together with all that are under way or done.

    Raises:
        LimitExceededError: `limit.exceeded`.
    """
    hold(session, content)
    for use in content.limits:
        _check(session, content, use, _USED_PROPOSED, now)


def check_sent(session: Session, content: Content, now: datetime) -> None:
    """Refuse to send a change that would go beyond a limit, together with what was sent within its window.

    Raises:
        LimitExceededError: `limit.exceeded`.
    """
    hold(session, content)
    for use in content.limits:
        _check(session, content, use, _USED_SENT, now)


def count(session: Session, content: Content, now: datetime) -> None:
    """Count a new proposal against its limits."""
    at = exact_instant(now)
    rows = [(content.proposal_id, use.limit, use.key, use.amount, at) for use in content.limits]
    session.executemany(_ADD, rows)


def count_sent(session: Session, proposal_id: str, now: datetime) -> None:
    """Count a proposal from now on: its window begins when it is sent."""
    session.execute(_SENT_NOW, (exact_instant(now), proposal_id))


def taken(session: Session, content: Content, now: datetime) -> list[int]:
    """Return for each limit of a proposal what all others have taken of it within its window, those that wait too."""
    return [int(session.execute(_USED_PROPOSED, _asked(content, use, now)).fetchone()[0]) for use in content.limits]


def hold(session: Session, content: Content) -> None:
    """Let nobody else count against the same limits until this transaction ends."""
    session.lock(*{f"limit:{use.limit}:{use.key}" for use in content.limits})


def _check(session: Session, content: Content, use: LimitUse, statement: str, now: datetime) -> None:
    (used,) = session.execute(statement, _asked(content, use, now)).fetchone()
    if used + use.amount > use.maximum:
        raise LimitExceededError(
            limit=use.limit, maximum=use.told(use.maximum), used=use.told(used), window_s=use.window_s
        )


def _asked(content: Content, use: LimitUse, now: datetime) -> dict[str, str]:
    return {
        "limit": use.limit,
        "key": use.key,
        "since": exact_instant(now - timedelta(seconds=use.window_s)),
        "this": content.proposal_id,
        "now": exact_instant(now),
    }
