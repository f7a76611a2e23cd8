"""What an approver signs of a system that takes writes: where it is and how it is written to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from erp_mcp.credentials.settings import AuthSettings, TlsSettings
from erp_mcp.settings import Settings, SystemSettings

if TYPE_CHECKING:
    from erp_mcp.domain.profile import Profile

_TARGET_DOMAIN: Final = b"erp-mcp/target/v1\n"
_FREE: Final = frozenset(
    {"secret", "timeout_s", "page_rows", "limits", "write"}
)  # may be changed without anybody's leave
_FREE_OF_PROFILE: Final = frozenset({"touches"})  # what is read again after a write
_SIGN_IN: Final = ("auth", "networks", "tls")
_FREE_REFERENCES: Final = frozenset({"key"})  # beside it stands a certificate, which says who we are
_SECRET_SAYS_WHO: Final = frozenset({"bearer", "api_key"})  # nothing beside the secret names an account
_FREE_OF_VAULT: Final = frozenset({"refresh_s", "stale_s"})
_FREE_OF_VAULT_AUTH: Final = frozenset({"token", "secret_id"})


def target_of(settings: Settings, system: SystemSettings, profile: Profile) -> str:
    """Return the digest of where a system is, how it is read and written to, and by which clock it is judged.

    Where it is: address, the networks that it may lead to, the certificate authorities that vouch for it. As whom: the
    accounts, the kind of sign-in, where tokens come from and for which audience and scopes; where nothing but the
    secret says who we are, also where that is kept, and which vault keeps it. All other references are left out, and so
    are secrets, limits, time-outs and what is read again after a write.
    """
    told = {name: value for name, value in asdict(system).items() if name not in _FREE and name not in _SIGN_IN}
    clock = [settings.environment, settings.zone, settings.clock]
    account = system.write.account if system.write is not None else ""
    whole = {
        "system": told,
        "account": account,
        "clock": clock,
        "profile": {name: value for name, value in asdict(profile).items() if name not in _FREE_OF_PROFILE},
        **_sign_in(system),
        **_kept(settings, system),
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))  # profiles hold what canonical JSON has no form for
    return hashlib.sha256(_TARGET_DOMAIN + text.encode()).hexdigest()


def _sign_in(system: SystemSettings) -> dict[str, object]:
    """Return how we sign in, as far as it is configured: what says nothing leaves signatures as they were."""
    write = system.write
    found: dict[str, object] = {
        "networks": sorted(system.networks),
        "auth": _told(system.auth),
        "tls": _told(system.tls),
        "write_auth": _told(write.auth) if write is not None else {},
        "write_tls": _told(write.tls) if write is not None else {},
    }
    return {name: value for name, value in found.items() if value}


def _kept(settings: Settings, system: SystemSettings) -> dict[str, object]:
    """Return where the secret that writes is kept, as far as another one would be another account."""
    write = system.write
    if write is None:
        return {}
    auth = write.auth or system.auth
    says_who = (auth is not None and auth.kind in _SECRET_SAYS_WHO) or write.secret.startswith("vault-db:")
    found: dict[str, object] = {"write_secret": write.secret} if says_who else {}
    named = (write.secret if says_who else "", auth.subject_token if auth is not None else "")
    if settings.vault is not None and any(one.startswith(("vault:", "vault-db:")) for one in named):
        vault = {name: value for name, value in asdict(settings.vault).items() if name not in _FREE_OF_VAULT}
        vault["auth"] = {name: one for name, one in vault["auth"].items() if name not in _FREE_OF_VAULT_AUTH}
        found["vault"] = vault
    return found


def _told(form: AuthSettings | TlsSettings | None) -> dict[str, object]:
    """Return what a form says of who we are; nothing where it is not there or says nothing."""
    if form is None or form == TlsSettings():
        return {}
    return {name: value for name, value in asdict(form).items() if name not in _FREE_REFERENCES}
