"""The form of who looks afterwards at what two people approved in an emergency."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from erp_mcp.administration import damaged_glass, reviewing
from erp_mcp.administration.damaged_glass import DamagedEmergency
from erp_mcp.domain.proposal import ReviewVerdict
from erp_mcp.errors import FormNotOursError
from erp_mcp.web import proposal, signing_words
from erp_mcp.web.visit import Answer, Visit

_VERDICTS: Final[Mapping[str, ReviewVerdict]] = {"justified": "justified", "not_justified": "not_justified"}


def review(visit: Visit) -> Answer:
    """Sign what the person who is signed in found; it takes their passphrase each time."""
    office = visit.office
    lost = damaged_glass.emergency(office.deployment, visit.path["id"])
    if lost is not None:
        return _close(visit, lost)
    shown = office.deployment.state.proposals.get(visit.path["id"])
    if visit.form.get("digest") != shown.digest:
        raise FormNotOursError
    verdict = _VERDICTS.get(visit.form.get("verdict", ""))
    if verdict is None:
        return proposal.page(visit, "Say which it is: justified, or not.", 400)
    return signing_words.signed(
        visit,
        partial(reviewing.may_review, office.deployment, shown, visit.person.id),
        lambda signing: reviewing.give_review(office.deployment, shown, signing, verdict, visit.form.get("reason", "")),
    )


def _close(visit: Visit, lost: DamagedEmergency) -> Answer:
    """Sign that nobody could look at it; there is no other word for that."""
    deployment = visit.office.deployment
    if visit.form.get("digest") != lost.digest or visit.form.get("verdict") != "not_justified":
        raise FormNotOursError
    return signing_words.signed(
        visit,
        partial(damaged_glass.may_close, deployment, lost, visit.person.id),
        lambda signing: damaged_glass.close(deployment, lost, signing, visit.form.get("reason", "")),
    )
