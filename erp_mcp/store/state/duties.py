"""What a person said yes to or asked for before, looked at in the transaction that stores one more of their words.

The words of a decision, and those of their agent.
"""

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
from erp_mcp.domain.saga import SYSTEM
from erp_mcp.errors import ApprovedOtherHalfError, AskedOtherHalfError, DutiesSeparatedError, QuotaReachedError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import COLUMNS, Stored, in_table, stored

_EARLIER: Final = (
    f"SELECT {in_table('proposal', COLUMNS)}, decision.decided_at FROM decision JOIN proposal USING (proposal_id)"
    " WHERE decision.approver_id = ? AND decision.decision IN ('approve', 'break_glass') AND decision.decided_at > ?"
    " ORDER BY decision.decided_at DESC LIMIT 1000"
)

_ASKED: Final = f"SELECT {COLUMNS} FROM proposal WHERE tool IN (%s) AND made_at > rtrim(?, 'Z')"
_ASKED_AS_ONE: Final = f"SELECT {COLUMNS} FROM proposal WHERE system = '{SYSTEM}' AND made_at > rtrim(?, 'Z')"
_ENROLMENTS: Final = "SELECT approver_id, enrolment FROM approver ORDER BY position"
_ASKER: Final = re.compile(r'"(?:agent|owner)":"((?:[^"\\]|\\.)*)"')


def asked(session: Session, tools: Sequence[str], names: Collection[str], since: datetime) -> list[Yes]:
    """Return what people of these names asked for with some tools after a moment; what is damaged says nothing.

    Several changes as one are among it, whatever their tools: their steps say what they are. However much others asked
    for in that time: their rows are told apart by a look at the text alone.
    """
    if not tools or not names:
        return []
    marks, after = ", ".join("?" * len(tools)), exact_instant(since)
    rows = [*session.execute(_ASKED % marks, (*tools, after)), *session.execute(_ASKED_AS_ONE, (after,))]
    mine = {row[0]: row for row in rows if any(key_of(_unquoted(one)) in names for one in _ASKER.findall(row[1]))}
    found = [stored(row).content for row in mine.values()]
    return [Yes(one, parse_instant(one.created_at)) for one in found if one is not None and duties.asks(one, names)]


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _names(session: Session, approver_id: str) -> frozenset[str]:
    """Return the normalised names of an approver: id, and the names that they are enrolled with."""
    return _people(session).get(approver_id, frozenset()) | frozenset(filter(None, (key_of(approver_id),)))


def _people(session: Session) -> dict[str, frozenset[str]]:
    """Return the normalised names of everybody who is or was enrolled, by a key or by an account at a provider."""
    found: dict[str, frozenset[str]] = {}
    for row_id, text in session.execute(_ENROLMENTS).fetchall():
        try:
            enrolled = json.loads(text)
        except ValueError:
            enrolled = None
        told = enrolled if isinstance(enrolled, dict) else {}
        who = str(told.get("approver_id", row_id))
        names = (key_of(who), key_of(str(told.get("name", ""))))
        found[who] = found.get(who, frozenset()) | frozenset(filter(None, names))
    return found


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
    if decision.decision == "reject":
        return
    session.lock(f"approver:{decision.approver_id}")  # also where nothing is asked: this yes counts for others
    if not back:
        return
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


def check_asked(session: Session, content: Content) -> None:
    """Refuse what somebody's agent asks for who said yes to the other half of it; their next yes waits until the end.

    A part of a saga was looked at with its saga.

    Raises:
        ApprovedOtherHalfError: `proposal.approved_other_half`.
    """
    at = parse_instant(content.created_at)
    since = at - duties.longest(content.terms) - timedelta(seconds=1)
    for who in hold_askers(session, content):
        rule = duties.separated_by(content, at, earlier(session, who, since))
        if rule:
            raise ApprovedOtherHalfError(rule=rule)


def hold_askers(session: Session, content: Content, *others: str) -> list[str]:
    """Let nobody who asks for it say yes to anything until this transaction ends, nor others; return who they are.

    Nobody where nothing is kept apart from it.
    """
    if content.part_of or not content.terms.separations:
        return []
    names = duties.askers(content)
    mine = [who for who, known in _people(session).items() if known & names]
    session.lock(*(f"approver:{who}" for who in (*mine, *others)))
    return mine
