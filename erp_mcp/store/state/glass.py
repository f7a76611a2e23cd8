"""What two people approved in an emergency, until when a third one looks at it, and what they found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import REVIEW_OVERDUE
from erp_mcp.domain.proposal import BrokenGlass, Content, SignedDecision, SignedReview
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED
from erp_mcp.errors import NoBreakGlassError, ReviewedAlreadyError, ReviewOverdueError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import REVIEW_COLUMNS, broken_glass, in_table
from erp_mcp.store.state.words import check_not_revoked

_BROKEN: Final = (
    f"SELECT glass.proposal_id, glass.broken_at, glass.due_at, {in_table('glass_review', REVIEW_COLUMNS)}"
    " FROM glass LEFT JOIN glass_review ON glass_review.proposal_id = glass.proposal_id"
)
_ONE: Final = f"{_BROKEN} WHERE glass.proposal_id = ?"
_OPEN: Final = f"{_BROKEN} WHERE glass_review.proposal_id IS NULL ORDER BY glass.due_at, glass.proposal_id"
_ALL: Final = f"{_BROKEN} ORDER BY glass.broken_at DESC, glass.proposal_id LIMIT ?"
_LATE: Final = (
    f"{_BROKEN} WHERE glass_review.proposal_id IS NULL AND NOT EXISTS (SELECT 1 FROM outbox"
    f" WHERE outbox.aggregate_id = glass.proposal_id AND outbox.type = '{REVIEW_OVERDUE}') ORDER BY glass.due_at"
)
_ADD: Final = "INSERT INTO glass (proposal_id, broken_at, due_at) VALUES (?, ?, ?)"
_ADD_REVIEW: Final = f"INSERT INTO glass_review ({REVIEW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_BY: Final = "SELECT approver_id FROM decision WHERE proposal_id = ? AND decision = 'break_glass' ORDER BY approver_id"
LOCK: Final = "glass"


def check(session: Session, content: Content, decision: SignedDecision, now: datetime) -> None:
    """Refuse a yes in an emergency where there is no glass to be broken, or while a review is overdue.

    Raises:
        NoBreakGlassError: `approval.no_break_glass`. ReviewOverdueError: `approval.review_overdue`.
    """
    if decision.decision != "break_glass":
        return
    if content.terms.break_glass is None:
        raise NoBreakGlassError(proposal_id=content.proposal_id)
    session.lock(LOCK)
    late = next((one for one in open_(session) if one.is_overdue(now)), None)
    if late is not None:
        raise ReviewOverdueError(proposal_id=late.proposal_id, due_at=late.due_at)


def broken_by(session: Session, proposal_id: str) -> list[str]:
    """Return the ids of those who approved a proposal in an emergency, by id."""
    return [str(one) for (one,) in session.execute(_BY, (proposal_id,)).fetchall()]


def is_broken(session: Session, proposal_id: str) -> bool:
    """Whether enough people have; the worker verifies them."""
    return len(broken_by(session, proposal_id)) >= BREAK_GLASS_NEEDED


def add(session: Session, content: Content, now: datetime) -> BrokenGlass:
    """Store that the glass was broken for this, and until when somebody looks at it.

    Raises:
        NoBreakGlassError: `approval.no_break_glass`.
    """
    terms = content.terms.break_glass
    if terms is None:
        raise NoBreakGlassError(proposal_id=content.proposal_id)
    due = exact_instant(now + timedelta(seconds=terms.review_s))
    made = BrokenGlass(proposal_id=content.proposal_id, broken_at=exact_instant(now), due_at=due)
    session.execute(_ADD, (made.proposal_id, made.broken_at, made.due_at))
    return made


def add_review(session: Session, said: SignedReview) -> None:
    """Store what somebody found who looked at it.

    Raises:
        ReviewedAlreadyError: `approval.reviewed_already`, where somebody has, or nothing is to be looked at.
        ApproverNotFoundError: `approval.not_found`, for somebody revoked meanwhile.
    """
    check_not_revoked(session, said.approver_id, said.statement)
    there = one(session, said.proposal_id)
    if there is None or there.review is not None:
        raise ReviewedAlreadyError(proposal_id=said.proposal_id, reason="no_review_due" if there is None else "done")
    row = (said.proposal_id, said.approver_id, said.verdict, said.statement)
    session.execute(_ADD_REVIEW, (*row, said.signature, said.nonce, said.reviewed_at))


def one(session: Session, proposal_id: str) -> BrokenGlass | None:
    """Return what is known of one, `None` where no glass was broken for it; nothing of it is verified here."""
    row = session.execute(_ONE, (proposal_id,)).fetchone()
    return broken_glass(row) if row else None


def open_(session: Session) -> list[BrokenGlass]:
    """Return what nobody has looked at yet, what is due first before."""
    return [broken_glass(row) for row in session.execute(_OPEN).fetchall()]


def untold(session: Session, now: datetime) -> list[BrokenGlass]:
    """Return what nobody has looked at in time, and nobody was told of that."""
    late = [broken_glass(row) for row in session.execute(_LATE).fetchall()]
    return [one for one in late if one.is_overdue(now)]


def newest(session: Session, limit: int) -> list[BrokenGlass]:
    """Return what was approved in an emergency, newest first."""
    return [broken_glass(row) for row in session.execute(_ALL, (limit,)).fetchall()]
