"""The page of what was approved in an emergency and whose row is not what was signed: what is known, what is not."""

from __future__ import annotations

from typing import Final

from erp_mcp.administration import damaged_glass
from erp_mcp.administration.damaged_glass import DamagedEmergency
from erp_mcp.answers.visible import visible
from erp_mcp.web.in_emergency import STANDS
from erp_mcp.web.proving import account_of
from erp_mcp.web.times import local
from erp_mcp.web.visit import Shown, Visit

MOST_TYPED: Final = 500  # characters of what somebody typed that stand there again where it was refused


def page(visit: Visit, shown: DamagedEmergency, problem: str = "", status: int = 200) -> Shown:
    """Return the page, with what went wrong with its form."""
    zone, found, known = visit.office.zone, shown.found, shown.known
    is_open = shown.glass.review is None
    objection = damaged_glass.objection_to(visit.office.deployment, shown, visit.person.approver) if is_open else ""
    here = f"/proposals/{shown.proposal_id}"
    facts: dict[str, object] = {
        "proposal_id": shown.proposal_id,
        "stands": STANDS[shown.stands],
        "digest": shown.digest,
        "headline": visible(known.headline),
        "tool": visible(known.tool),
        "asked_by": f"{visible(known.agent)} for {visible(known.owner)}" if known.tool else "",
        "broken_at": local(shown.glass.broken_at, zone),
        "due_at": local(shown.glass.due_at, zone),
        "said": [(visible(who), visible(why)) for who, why in shown.said],
        "reviewers": shown.closers,
        "account": account_of(visit, shown.proposal_id),
        "token": visit.form_token(f"{here}/review") if is_open and not objection else "",
        "closed_by": f"{visible(found.approver_name)} ({found.approver_id})" if found else "",
        "closed_at": local(found.reviewed_at, zone) if found else "",
        "closed_words": visible(found.reason) if found else "",
        "flaw": shown.flaw,
        "problem": problem,
        "typed": visit.form.get("reason", "")[:MOST_TYPED] if problem else "",
    }
    return Shown(template="damaged.html", facts=facts, status=status)
