"""What a form answers that signs somebody's words, with their passphrase each time: it went well, or why it did not."""

from __future__ import annotations

from collections.abc import Callable

from erp_mcp.administration import Signing
from erp_mcp.errors import (
    BadPassphraseError,
    BusyError,
    InvalidArgumentError,
    ReasonNeededError,
    SignInAgainError,
    TooManyTriesError,
)
from erp_mcp.web import proposal
from erp_mcp.web.visit import Answer, GoTo, Visit


def signed(visit: Visit, may: Callable[[], object], say: Callable[[Signing], object]) -> Answer:
    """Let the person who is signed in say something about the proposal of this page.

    Args:
        visit: With the passphrase in its form.
        may: Raises where they may not; asked before the passphrase is looked at.
        say: Signs and stores it.

    Returns:
        The way back to the proposal, or its page with what was wrong; nothing was signed then.
    """
    office, who = visit.office, visit.person
    passphrase = visit.form.get("passphrase", "")[:1024]
    try:
        may()
        with office.sessions.proving(who, passphrase) as signing:
            say(signing)
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
    return GoTo(address=f"/proposals/{visit.path['id']}")
