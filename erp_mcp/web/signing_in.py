"""Signing in and out."""

from __future__ import annotations

import secrets
from dataclasses import replace

from erp_mcp.errors import ApproverNotFoundError, BadPassphraseError, BusyError, TooManyTriesError
from erp_mcp.web import single_sign_on
from erp_mcp.web.visit import Answer, GoTo, Shown, Visit

_MOST: int = 1024


def ask(visit: Visit) -> Answer:
    """Show the form; who is signed in already goes on."""
    return _form(visit) if visit.who is None else GoTo(address="/")


def sign_in(visit: Visit) -> Answer:
    """Sign an approver in with their passphrase; a browser gets another token than the one it came with."""
    name, passphrase = visit.form.get("name", "").strip()[:_MOST], visit.form.get("passphrase", "")[:_MOST]
    try:
        token = visit.office.sessions.sign_in(name, passphrase)
    except (BadPassphraseError, ApproverNotFoundError):
        return _form(visit, "Name and passphrase do not belong together.", 403)
    except TooManyTriesError as slow:
        wait = int(str(slow.facts["retry_after_s"]))
        told = f"Wrong several times in a row. Wait {wait} seconds, then type it again."
        return replace(_form(visit, told, 429), retry_after_s=wait)
    except BusyError:
        return _form(visit, "Too many people sign in at this moment. Try again.", 503)
    return GoTo(address="/", token=token)


def sign_out(visit: Visit) -> Answer:
    """End the session and forget its key; at the provider too, where somebody signed in there."""
    if visit.person.session.method == "oidc" and visit.office.provider is not None:
        return single_sign_on.sign_out(visit)
    visit.office.sessions.sign_out(visit.person)
    return GoTo(address="/sign-in", token="")


def _form(visit: Visit, problem: str = "", status: int = 200) -> Shown:
    """Return the form; a browser that holds nothing yet gets something for the form to be bound to."""
    holds = visit.token or secrets.token_urlsafe(32)
    facts = {
        "holds": holds,
        "token": visit.office.sessions.form_token(holds, "/sign-in"),
        "problem": problem,
        "provider": visit.office.provider.settings.name if visit.office.provider else "",
        "begin": visit.office.sessions.form_token(holds, "/oidc/begin"),
        "demo": visit.office.deployment.settings.environment == "demo",
    }
    return Shown(template="sign_in.html", facts=facts, status=status)
