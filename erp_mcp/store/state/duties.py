"""What a person has said yes to before, looked at in the transaction that stores one more of their decisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain import duties
from erp_mcp.domain.duties import Yes
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.proposal import Content, SignedDecision
from erp_mcp.errors import DutiesSeparatedError, QuotaReachedError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import COLUMNS, Stored, in_table, stored

_EARLIER: Final = (
    f"SELECT {in_table('proposal', COLUMNS)}, decision.decided_at FROM decision JOIN proposal USING (proposal_id)"
    " WHERE decision.approver_id = ? AND decision.decision IN ('approve', 'break_glass') AND decision.decided_at > ?"
    " ORDER BY decision.decided_at DESC LIMIT 1000"
)


def earlier(session: Session, approver_id: str, since: datetime) -> list[Yes]:
    """Return what somebody said yes to after a moment, newest first; what is damaged says nothing."""
    rows = session.execute(_EARLIER, (approver_id, exact_instant(since))).fetchall()
    found: list[tuple[Stored, str]] = [(stored(row[:-1]), row[-1]) for row in rows]
    return [Yes(one.content, parse_instant(at)) for one, at in found if one.content is not None]


def check(session: Session, content: Content, decision: SignedDecision) -> None:
    """Refuse a yes of somebody who may not say it, having said others; a no is always free.

    One in an emergency counts for the hour, and waits for none.

    Raises:
        DutiesSeparatedError: `approval.separated`. QuotaReachedError: `approval.quota`.
    """
    terms = content.terms
    back = duties.longest(terms)
    if decision.decision == "reject" or not back:
        return
    session.lock(f"approver:{decision.approver_id}")
    at = parse_instant(decision.decided_at)
    said = earlier(session, decision.approver_id, at - back - timedelta(seconds=1))
    rule = duties.separated_by(content, at, said)
    if rule:
        raise DutiesSeparatedError(approver=decision.approver_id, rule=rule)
    if decision.decision == "approve" and duties.over_quota(terms, at, (one.at for one in said)):
        raise QuotaReachedError(approver=decision.approver_id, per_hour=terms.quota)
