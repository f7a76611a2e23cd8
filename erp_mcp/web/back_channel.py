"""The provider's own word that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0).

It comes from the provider's server, without a browser and without a form of ours: nothing counts but its signature and
what it says. It ends sessions and can do nothing else.
"""

from __future__ import annotations

from hashlib import sha256

from erp_mcp.administration import accounts
from erp_mcp.domain.page_session import EndedThere, provider_session_of
from erp_mcp.errors import ProviderUnavailableError, SignInRefusedError
from erp_mcp.web.id_token import SignedOut
from erp_mcp.web.visit import Answer, Told, Visit


def sign_out(visit: Visit) -> Answer:
    """End the sessions that a logout token is about; answer as the standard says, in JSON."""
    provider, sessions = visit.office.provider, visit.office.deployment.state.page_sessions
    if provider is None:
        return Told(status=404, content={"error": "invalid_request", "error_description": "no provider is configured"})
    try:
        ended = sessions.end_there(_ended(visit, provider.signed_out(visit.form.get("logout_token", ""))))
    except SignInRefusedError as refusal:
        return _refused(visit, str(refusal.facts["reason"]))
    except ProviderUnavailableError:
        return Told(status=503, content={"error": "temporarily_unavailable"})
    if ended is None:
        return _refused(visit, "used")
    for token_hash in ended:
        visit.office.sessions.sign_ins.forget(token_hash)
    return Told(status=200, content={})


def _refused(visit: Visit, reason: str) -> Told:
    sessions = visit.office.deployment.state.page_sessions
    sessions.refused_there("page.sign_out_refused", SignInRefusedError.code, reason)
    return Told(status=400, content={"error": "invalid_request", "error_description": f"logout token: {reason}"})


def _ended(visit: Visit, said: SignedOut) -> EndedThere:
    office = visit.office
    approver = accounts.of_account(office.deployment, said.issuer, said.subject) if said.subject else None
    return EndedThere(
        word=sha256(f"{said.issuer}\n{said.token_id}".encode()).hexdigest(),
        session=provider_session_of(said.issuer, said.session),
        approver_id=approver.approver_id if approver is not None else "",
        hashes=office.sessions.sign_ins.of_session(said.issuer, said.session) if said.session else (),
    )
