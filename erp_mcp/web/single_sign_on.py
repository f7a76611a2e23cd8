"""Signing in at an OpenID provider: going there, coming back, proving anew who one is, and signing out there.

The authorization code flow with PKCE. What comes back counts in the browser that began it and nowhere else; who comes
back counts where an approver has enrolled their account, and as nobody else.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from datetime import timedelta
from typing import Final

from erp_mcp.administration import accounts
from erp_mcp.domain.approver import OidcApprover, SignIn
from erp_mcp.domain.instants import parse_instant
from erp_mcp.errors import (
    FormNotOursError,
    GatewayError,
    ProviderUnavailableError,
    SignInLostError,
    SignInRefusedError,
    SubjectNotEnrolledError,
)
from erp_mcp.web import begun
from erp_mcp.web.begun import Begun
from erp_mcp.web.failing import failure
from erp_mcp.web.id_token import Claims
from erp_mcp.web.provider import Provider, known_word
from erp_mcp.web.visit import Answer, GoTo, Shown, Visit

SKEW: Final = timedelta(minutes=1)  # between the provider's clock and ours
_ASKED_FOR: Final = re.compile(r"(?:prp_[A-Za-z0-9_-]{1,40}|taint:[a-z][a-z0-9_-]{0,63})")


def begin(visit: Visit) -> Answer:
    """Send somebody to the provider to sign in; who is signed in already goes on."""
    if visit.who is not None:
        return GoTo(address="/")
    return _leave(visit, begun.begin(visit.now))


def prove(visit: Visit) -> Answer:
    """Send somebody who is signed in to the provider once more, to prove who they are for what they decide about."""
    asked_for = visit.form.get("for", "")
    if not _ASKED_FOR.fullmatch(asked_for) or visit.person.session.method != "oidc":
        raise FormNotOursError
    return _leave(visit, begun.begin(visit.now, session=visit.person.session.token_hash, asked_for=asked_for))


def come_back(visit: Visit) -> Answer:
    """Take what the provider answers. Nothing is decided by it, whatever it says."""
    started = begun.opened(visit.begun, visit.office.begun_key, visit.now)
    if started is None or not hmac.compare_digest(visit.query.get("state", "").encode(), started.state.encode()):
        return failure(SignInLostError())  # what the browser holds may belong to another tab: it stays
    returns = visit.office.returns
    one = returns.take(visit.client, started.state, known=bool(started.session))
    try:
        claims, id_token = _claims(visit, started)
        arrived = _proved(visit, started, claims, id_token) if started.session else _signed_in(visit, claims, id_token)
    except GatewayError as refusal:
        reason = str(refusal.facts.get("reason", ""))
        visit.office.deployment.state.page_sessions.refused_there("page.sign_in_refused", refusal.code, reason)
        return replace(failure(refusal), begun="")
    returns.give_back(one)
    return arrived


def sign_out(visit: Visit) -> Answer:
    """End the session here; where the provider offers it, its own as well."""
    office, who = visit.office, visit.person
    id_token = office.sessions.sign_ins.id_token(who.session.token_hash)
    office.sessions.sign_out(who)
    try:
        there = _provider(visit).sign_out_address(id_token=id_token, back=f"{office.origin.address}/sign-in")
    except ProviderUnavailableError:
        there = ""
    if not there:
        return GoTo(address="/sign-in", token="")
    facts = {"there": there, "provider": _provider(visit).settings.name, "leaves": "out"}
    return Shown(template="leaving.html", facts=facts, token="")


def _leave(visit: Visit, started: Begun) -> Shown:
    """Show the page that leads to the provider: a form may not, since our policy lets it go nowhere else."""
    provider = _provider(visit)
    there = provider.address(
        state=started.state,
        nonce=started.nonce,
        challenge=started.challenge,
        redirect_uri=visit.office.redirect_uri,
        anew=bool(started.session),
    )
    facts = {"there": there, "provider": provider.settings.name, "leaves": "in"}
    return Shown(template="leaving.html", facts=facts, begun=begun.sealed(started, visit.office.begun_key))


def _claims(visit: Visit, started: Begun) -> tuple[Claims, str]:
    provider, query = _provider(visit), visit.query
    names_itself = query.get("iss")
    if names_itself != provider.settings.issuer and (names_itself is not None or provider.told().names_itself):
        raise SignInRefusedError(reason="issuer")  # RFC 9207: the answer of another provider
    if "error" in query or not query.get("code"):
        raise SignInRefusedError(reason=known_word(query.get("error")))
    claims, id_token = provider.claims(
        code=query["code"],
        verifier=started.verifier,
        nonce=started.nonce,
        redirect_uri=visit.office.redirect_uri,
    )
    groups = provider.settings.groups
    if groups and not claims.words(provider.settings.groups_claim).intersection(groups):
        raise SignInRefusedError(reason="groups")
    return claims, id_token


def _signed_in(visit: Visit, claims: Claims, id_token: str) -> Shown:
    """Begin a session for the approver whose account it is; the browser gets a token that it did not bring."""
    issuer = _provider(visit).settings.issuer
    approver = _approver(visit, issuer, claims.subject)
    token = visit.office.sessions.begin_known(approver, _sign_in(issuer, claims, ""), id_token)
    return _arrived("/", token=token)


def _proved(visit: Visit, started: Begun, claims: Claims, id_token: str) -> Shown:
    """Note that the person of a session has proved anew who they are; anybody else's proof is worth nothing to it."""
    sessions, issuer = visit.office.sessions, _provider(visit).settings.issuer
    who = sessions.of_hash(started.session)
    if who is None:
        raise SignInLostError
    if _approver(visit, issuer, claims.subject).approver_id != who.id:
        raise SignInRefusedError(reason="other_person")
    if parse_instant(claims.authenticated_at) < parse_instant(started.begun_at) - SKEW:
        raise SignInRefusedError(reason="not_recent")
    sessions.sign_ins.keep(started.session, _sign_in(issuer, claims, started.asked_for), id_token)
    return _arrived("/taint" if started.asked_for.startswith("taint:") else f"/proposals/{started.asked_for}")


def _arrived(address: str, token: str | None = None) -> Shown:
    """Lead on by a page of ours: on the way from elsewhere browsers keep back what they hold for us."""
    return Shown(template="arrived.html", facts={"on": address}, token=token, begun="")


def _approver(visit: Visit, issuer: str, subject: str) -> OidcApprover:
    found = accounts.of_account(visit.office.deployment, issuer, subject)
    if found is None:
        raise SubjectNotEnrolledError(issuer=issuer, subject=subject)
    return found


def _sign_in(issuer: str, claims: Claims, asked_for: str) -> SignIn:
    return SignIn(
        issuer=issuer,
        subject=claims.subject,
        session=claims.session,
        authenticated_at=claims.authenticated_at,
        acr=claims.acr,
        amr=claims.amr,
        asked_for=asked_for,
    )


def _provider(visit: Visit) -> Provider:
    if visit.office.provider is None:
        raise FormNotOursError
    return visit.office.provider
