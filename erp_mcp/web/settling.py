"""The forms about outcomes that nobody knows: look into the system now, and say what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from erp_mcp.administration import resolving
from erp_mcp.approval.resolution import Verdict
from erp_mcp.errors import FormNotOursError
from erp_mcp.web import outcomes, proposal, signing_words
from erp_mcp.web.visit import Answer, Visit

_VERDICTS: Final[Mapping[str, Verdict]] = {"applied": "applied", "not_applied": "not_applied", "take_back": "take_back"}


def look(visit: Visit) -> Answer:
    """Show the proposal beside what its system shows this moment; nothing is sent or moved by it."""
    deployment = visit.office.deployment
    deployment.state.proposals.get(visit.path["id"])
    seen = outcomes.seen(visit.office.look(deployment.settings.file, visit.path["id"]))
    return proposal.page(visit, sight=seen)


def resolve(visit: Visit) -> Answer:
    """End a proposal by the signed word of the person who is signed in; it takes their passphrase each time."""
    office = visit.office
    shown = office.deployment.state.proposals.get(visit.path["id"])
    if visit.form.get("digest") != shown.digest:
        raise FormNotOursError
    verdict = _VERDICTS.get(visit.form.get("verdict", ""))
    if verdict is None:
        return proposal.page(visit, "Say which it is: written, or not.", 400)
    return signing_words.signed(
        visit,
        partial(resolving.may_resolve, office.deployment, shown, visit.person.id, verdict),
        lambda signing: resolving.resolve(
            office.deployment,
            shown,
            signing,
            verdict,
            reason=visit.form.get("reason", ""),
            document=visit.form.get("document", "").strip() if verdict == "applied" else "",
        ),
    )
