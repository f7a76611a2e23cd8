"""The forms about outcomes that nobody knows: look into the system now, and say what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.administration import resolving
from erp_mcp.approval.resolution import Verdict
from erp_mcp.errors import (
    BadPassphraseError,
    BusyError,
    FormNotOursError,
    InvalidArgumentError,
    SignInAgainError,
    TooManyTriesError,
)
from erp_mcp.web import outcomes, proposal
from erp_mcp.web.visit import Answer, GoTo, Visit

_VERDICTS: Final[Mapping[str, Verdict]] = {"applied": "applied", "not_applied": "not_applied", "take_back": "take_back"}


def look(visit: Visit) -> Answer:
    """Show the proposal beside what its system shows this moment; nothing is sent or moved by it."""
    deployment = visit.office.deployment
    deployment.state.proposals.get(visit.path["id"])
    seen = outcomes.seen(visit.office.look(deployment.settings.file, visit.path["id"]))
    return proposal.page(visit, sight=seen)


def resolve(visit: Visit) -> Answer:
    """End a proposal by the signed word of the person who is signed in; it takes their passphrase each time."""
    office, who = visit.office, visit.person
    shown = office.deployment.state.proposals.get(visit.path["id"])
    if visit.form.get("digest") != shown.digest:
        raise FormNotOursError
    verdict = _VERDICTS.get(visit.form.get("verdict", ""))
    if verdict is None:
        return proposal.page(visit, "Say which it is: written, or not.", 400)
    passphrase = visit.form.get("passphrase", "")[:1024]
    try:
        resolving.may_resolve(office.deployment, shown, who.id, verdict)
        with office.sessions.proving(who, passphrase) as signing:
            resolving.resolve(
                office.deployment,
                shown,
                signing,
                verdict,
                reason=visit.form.get("reason", ""),
                document=visit.form.get("document", "").strip() if verdict == "applied" else "",
            )
    except SignInAgainError:
        return proposal.page(visit, "Sign in once more for this. Nothing was signed.", 403)
    except BadPassphraseError:
        return proposal.page(visit, "That is not your passphrase; nothing was signed.", 403)
    except TooManyTriesError as slow:
        wait = slow.facts["retry_after_s"]
        return proposal.page(visit, f"Wrong several times in a row: wait {wait} seconds. Nothing was signed.", 429)
    except BusyError:
        return proposal.page(visit, "Too many people sign at this moment. Nothing was signed: try again.", 503)
    except InvalidArgumentError as wrong:
        return proposal.page(visit, f"Your words ({wrong.facts['argument']}): {wrong.facts['expected']}.", 400)
    return GoTo(address=f"/proposals/{shown.content.proposal_id}")
