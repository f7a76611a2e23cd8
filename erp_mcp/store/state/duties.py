"""What a person said yes to or asked for before, looked at in the transaction that stores one more of their words."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain import duties
from erp_mcp.domain.duties import Yes
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.names import key_of
from erp_mcp.domain.proposal import Content, SignedDecision
from erp_mcp.errors import AskedOtherHalfError, DutiesSeparatedError, QuotaReachedError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import COLUMNS, Stored, in_table, stored

_EARLIER: Final = (
    f"SELECT {in_table('proposal', COLUMNS)}, decision.decided_at FROM decision JOIN proposal USING (proposal_id)"
    " WHERE decision.approver_id = ? AND decision.decision IN ('approve', 'break_glass') AND decision.decided_at > ?"
    " ORDER BY decision.decided_at DESC LIMIT 1000"
)

_ASKED: Final = f"SELECT {COLUMNS} FROM proposal WHERE tool IN (%s) AND made_at > rtrim(?, 'Z')"
_ENROLMENT: Final = "SELECT enrolment FROM approver WHERE approver_id = ?"
_ASKER: Final = re.compile(r'"(?:agent|owner)":"((?:[^"\\]|\\.)*)"')


def asked(session: Session, tools: Sequence[str], names: Collection[str], since: datetime) -> list[Yes]:
    """Return what people of these names asked for with some tools after a moment; what is damaged says nothing.

    However much others asked for in that time: their rows are told apart by a look at the text alone.
    """
    if not tools or not names:
        return []
    marks = ", ".join("?" * len(tools))
    rows = session.execute(_ASKED % marks, (*tools, exact_instant(since)))
    mine = [row for row in rows if any(key_of(_unquoted(one)) in names for one in _ASKER.findall(row[1]))]
    found = [stored(row).content for row in mine]
    return [Yes(one, parse_instant(one.created_at)) for one in found if one is not None and duties.asks(one, names)]


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _names(session: Session, approver_id: str) -> frozenset[str]:
    """Return the normalised names of an approver: id, and the name that they are enrolled with."""
    row = session.execute(_ENROLMENT, (approver_id,)).fetchone()
    try:
        enrolled = json.loads(row[0]) if row else {}
    except ValueError:
        enrolled = {}
    name = enrolled.get("name", "") if isinstance(enrolled, dict) else ""
    return frozenset(filter(None, (key_of(approver_id), key_of(str(name)))))


def earlier(session: Session, approver_id: str, since: datetime) -> list[Yes]:
    """Return what somebody said yes to after a moment, newest first; what is damaged says nothing."""
    rows = session.execute(_EARLIER, (approver_id, exact_instant(since))).fetchall()
    found: list[tuple[Stored, str]] = [(stored(row[:-1]), row[-1]) for row in rows]
    return [Yes(one.content, parse_instant(at)) for one, at in found if one.content is not None]


def check(session: Session, content: Content, decision: SignedDecision) -> None:
    """Refuse a yes of somebody who may not say it, having said others; a no is always free.

    One in an emergency counts for the hour, and waits for none.

    Raises:
        DutiesSeparatedError: `approval.separated`. AskedOtherHalfError: `approval.asked_other_half`.
        QuotaReachedError: `approval.quota`.
    """
    terms = content.terms
    back = duties.longest(terms)
    if decision.decision == "reject" or not back:
        return
    session.lock(f"approver:{decision.approver_id}")
    at = parse_instant(decision.decided_at)
    since = at - back - timedelta(seconds=1)
    said = earlier(session, decision.approver_id, since)
    rule = duties.separated_by(content, at, said)
    if rule:
        raise DutiesSeparatedError(approver=decision.approver_id, rule=rule)
    names = _names(session, decision.approver_id)
    rule = duties.asked_apart(content, at, asked(session, duties.separated_tools(terms), names, since), names)
    if rule:
        raise AskedOtherHalfError(approver=decision.approver_id, rule=rule)
    if decision.decision == "approve" and duties.over_quota(terms, at, (one.at for one in said)):
        raise QuotaReachedError(approver=decision.approver_id, per_hour=terms.quota)
