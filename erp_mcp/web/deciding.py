"""Yes and no: the decision of the person who is signed in, signed over exactly what their page showed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.approval.envelope import MIN_REASON, Choice
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import (
    BadPassphraseError,
    BusyError,
    FormNotOursError,
    InvalidArgumentError,
    PassphraseNeededError,
    SignInAgainError,
    TooManyTriesError,
)
from erp_mcp.web import proposal
from erp_mcp.web.visit import Answer, GoTo, Visit
from erp_mcp.web.words import NOT_LOOKED, to_look_at

_MAX_WORDS = 500
_UNFINISHED = frozenset({State.APPROVED, State.CLAIMED, State.SENDING})

Act = Callable[[Signing, str], Proposal]
Again = Callable[[str, int], Answer]


def approve(visit: Visit) -> Answer:
    """Say yes to what was shown, and wait a moment for the worker, so that the receipt is there."""
    before = shown(visit)
    if (what := to_look_at(before.content, "you")) and visit.form.get("looked") != "yes":
        return proposal.page(visit, NOT_LOOKED % what, 400)
    return _decided(visit, before, "approve", "comment", least=0)


def break_glass(visit: Visit) -> Answer:
    """Say yes in an emergency, in the place of those whom policy names, and why."""
    before = shown(visit)
    if (what := to_look_at(before.content, "you")) and visit.form.get("looked") != "yes":
        return proposal.page(visit, NOT_LOOKED % what, 400)
    return _decided(visit, before, "break_glass", "reason", least=MIN_REASON)


def reject(visit: Visit) -> Answer:
    """Say no, and why."""
    return _decided(visit, shown(visit), "reject", "reason", least=1)


def shown(visit: Visit) -> Proposal:
    """Return the proposal that the form is about.

    Raises:
        FormNotOursError: `page.bad_form`, where what is stored is not what the page showed.
    """
    stored = visit.office.deployment.state.proposals.get(visit.path["id"])
    if visit.form.get("digest") != stored.digest:
        raise FormNotOursError
    return stored


def signed(visit: Visit, act: Act, again: Again, words: str, *, least: int = 0) -> Proposal | Answer:
    """Do what a person signs, with the key that is held or their passphrase; else show the form again and why.

    Args:
        visit: The form; `words` is its field with what the person says, at least `least` characters.
        act: What is signed; it gets what signs, and the words.
        again: Shows the form again, with what went wrong and a status.
        words: Name of the field.
        least: How much must be said.
    """
    passphrase = visit.form.get("passphrase", "")[:1024]
    try:
        said = visit.text(words, least=least, most=_MAX_WORDS, label=words)
        return act(visit.office.sessions.signing(visit.person, passphrase), said)
    except BadPassphraseError:
        told = "That is not your passphrase; nothing was decided." if passphrase else "Give your passphrase once more."
        return again(told, 403)
    except SignInAgainError:
        return again("Sign in once more for this. Nothing was decided.", 403)
    except PassphraseNeededError as needed:
        return again(f"{needed.summary} Nothing was decided.", 403)
    except TooManyTriesError as slow:
        wait = slow.facts["retry_after_s"]
        return again(f"Wrong several times in a row: wait {wait} seconds. Nothing was decided.", 429)
    except BusyError:
        return again("Too many people decide at this moment. Nothing was decided: try again.", 503)
    except InvalidArgumentError as wrong:
        return again(f"Your words ({wrong.facts['argument']}): {wrong.facts['expected']}.", 400)


def wait_for_receipt(visit: Visit, after: Proposal) -> None:
    """Look a few times whether the worker is done; whether it is or not, the page then tells where it stands."""
    for _ in range(visit.office.looks):
        if after.state not in _UNFINISHED:
            return
        visit.office.pause()
        after = visit.office.deployment.state.proposals.get(after.content.proposal_id)


def _decided(visit: Visit, before: Proposal, choice: Choice, words: str, *, least: int) -> Answer:
    deployment = visit.office.deployment
    administration.may_decide(deployment, before, visit.person.id, choice)

    def act(signing: Signing, said: str) -> Proposal:
        return administration.decide(deployment, before, signing, choice, said)

    done = signed(visit, act, partial(proposal.page, visit), words, least=least)
    if not isinstance(done, Proposal):
        return done
    if choice != "reject":
        wait_for_receipt(visit, done)
    return GoTo(address=f"/proposals/{before.content.proposal_id}")
