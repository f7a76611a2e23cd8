"""What somebody whom a provider knew has to prove there once more before they decide."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.web.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """For somebody whom a provider knew: whether that is recent enough to decide by, and was for this alone.

    `asked_for` and `token` are of the form that leads there once more.
    """

    provider: str
    recent: bool
    for_this: bool
    asked_for: str
    token: str


def account_of(visit: Visit, asked_for: str) -> Account | None:
    """Return how somebody stands with the provider that knew them, about what they look at; `None` for all others."""
    who, sessions, provider = visit.person, visit.office.sessions, visit.office.provider
    if who.session.method != "oidc" or provider is None:
        return None
    return Account(
        provider=provider.settings.name,
        recent=sessions.holds_key(who),
        for_this=sessions.proved_for(who, asked_for),
        asked_for=asked_for,
        token=visit.form_token("/oidc/prove"),
    )
