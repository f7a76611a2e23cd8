"""What two people approved in an emergency, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from erp_mcp.administration import reviewing
from erp_mcp.answers.visible import visible
from erp_mcp.domain.proposal import Proposal
from erp_mcp.web.times import local
from erp_mcp.web.visit import Visit

STANDS: Final = {
    "open": "to be reviewed",
    "overdue": "review overdue: no other glass can be broken",
    "justified": "reviewed: it was justified",
    "not_justified": "reviewed: it was NOT justified",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """An approval in an emergency on the page; `token` is of the form, empty for who may not review it.

    `reviewers` are those who may: none of the two.
    """

    stands: str
    bad: bool
    broken_at: str
    due_at: str
    said: tuple[tuple[str, str], ...]
    reviewers: tuple[str, ...]
    token: str
    why_not: str
    verdict_by: str = ""
    verdict_at: str = ""
    verdict_words: str = ""
    flaw: str = ""


def emergency(visit: Visit, of: Proposal) -> Emergency | None:
    """Return what the page shows of an approval in an emergency, `None` for what was approved as always."""
    deployment, zone = visit.office.deployment, visit.office.zone
    one = reviewing.emergency(deployment, of)
    if one is None:
        return None
    objection = reviewing.objection_to(deployment, of, visit.person.approver)
    is_open = one.glass.review is None
    found = one.found
    return Emergency(
        stands=STANDS[one.stands],
        bad=one.stands in {"overdue", "not_justified"} or bool(one.flaw),
        broken_at=local(one.glass.broken_at, zone),
        due_at=local(one.glass.due_at, zone),
        said=tuple((visible(who), visible(why)) for who, why in one.said),
        reviewers=one.closers,
        token=visit.form_token(f"/proposals/{of.content.proposal_id}/review") if is_open and not objection else "",
        why_not=objection if is_open else "",
        verdict_by=f"{visible(found.approver_name)} ({found.approver_id})" if found else "",
        verdict_at=local(found.reviewed_at, zone) if found else "",
        verdict_words=visible(found.reason) if found else "",
        flaw=one.flaw,
    )
