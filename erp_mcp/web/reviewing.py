"""The form of who looks afterwards at what two people approved in an emergency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.administration import reviewing
from erp_mcp.domain.proposal import ReviewVerdict
from erp_mcp.errors import (
    BadPassphraseError,
    BusyError,
    FormNotOursError,
    InvalidArgumentError,
    ReasonNeededError,
    SignInAgainError,
    TooManyTriesError,
)
from erp_mcp.web import proposal
from erp_mcp.web.visit import Answer, GoTo, Visit

_VERDICTS: Final[Mapping[str, ReviewVerdict]] = {"justified": "justified", "not_justified": "not_justified"}


def review(visit: Visit) -> Answer:
    """Sign what the person who is signed in found; it takes their passphrase each time."""
    office, who = visit.office, visit.person
    shown = office.deployment.state.proposals.get(visit.path["id"])
    if visit.form.get("digest") != shown.digest:
        raise FormNotOursError
    verdict = _VERDICTS.get(visit.form.get("verdict", ""))
    if verdict is None:
        return proposal.page(visit, "Say which it is: justified, or not.", 400)
    passphrase = visit.form.get("passphrase", "")[:1024]
    try:
        reviewing.may_review(office.deployment, shown, who.id)
        with office.sessions.proving(who, passphrase) as signing:
            reviewing.give_review(office.deployment, shown, signing, verdict, visit.form.get("reason", ""))
    except SignInAgainError:
        return proposal.page(visit, "Sign in once more for this. Nothing was signed.", 403)
    except BadPassphraseError:
        return proposal.page(visit, "That is not your passphrase; nothing was signed.", 403)
    except TooManyTriesError as slow:
        wait = slow.facts["retry_after_s"]
        return proposal.page(visit, f"Wrong several times in a row: wait {wait} seconds. Nothing was signed.", 429)
    except BusyError:
        return proposal.page(visit, "Too many people sign at this moment. Nothing was signed: try again.", 503)
    except ReasonNeededError as short:
        return proposal.page(visit, f"Your words: at least {short.facts['at_least']} characters.", 400)
    except InvalidArgumentError as wrong:
        return proposal.page(visit, f"Your words ({wrong.facts['argument']}): {wrong.facts['expected']}.", 400)
    return GoTo(address=f"/proposals/{shown.content.proposal_id}")
