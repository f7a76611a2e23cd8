"""The identity that the settings of a system ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from erp_mcp.credentials.identity import Identity
from erp_mcp.credentials.own_certificate import OwnCertificate
from erp_mcp.credentials.presented import NoIdentity, SecretIdentity, basic, in_header
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.credentials.settings import AuthSettings, TlsSettings
from erp_mcp.errors import ConfigurationError
from erp_mcp.ports import SecretSource

if TYPE_CHECKING:
    from erp_mcp.credentials.token_identity import TokenIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """What one account of one system signs in with: sources, not secrets.

    Without `auth`, an account is shown with its password, and nothing where one of them is missing. `subject` gives the
    token to be exchanged, `key` that of the certificate. `now` is the time of day in seconds since 1970.
    """

    system: str
    account: str
    auth: AuthSettings | None = None
    tls: TlsSettings = field(default_factory=TlsSettings)
    secret: SecretSource | None = field(default=None, repr=False)
    subject: SecretSource | None = field(default=None, repr=False)
    key: SecretSource | None = field(default=None, repr=False)
    now: Callable[[], int]


def identity_of(sign_in: SignIn, timing: Timing | None = None) -> Identity:
    """Return the identity; nothing is read or contacted yet.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when what it needs is missing.
    """
    timing = timing or Timing()
    signs = sign_in.account and sign_in.secret is not None
    auth = sign_in.auth or AuthSettings(kind="basic" if signs else "none")
    own = OwnCertificate(sign_in.system, sign_in.tls.certificate, sign_in.key)
    if auth.kind == "none":
        return NoIdentity(own)
    if auth.fetches_tokens:
        return _token_identity(sign_in, auth, own, timing)
    if sign_in.secret is None:
        raise ConfigurationError(key=f"systems.{sign_in.system}.secret", reason=f"kind {auth.kind} needs one")
    form = {
        "basic": basic(sign_in.account),
        "bearer": in_header("Authorization", auth.prefix or "Bearer "),
        "api_key": in_header(auth.header or "Authorization", auth.prefix),
    }[auth.kind]
    return SecretIdentity(sign_in.system, form, sign_in.secret, own, timing)


def _token_identity(sign_in: SignIn, auth: AuthSettings, own: OwnCertificate, timing: Timing) -> TokenIdentity:
    from erp_mcp.credentials.endpoint import Endpoint
    from erp_mcp.credentials.token_identity import FetchedToken, TokenIdentity
    from erp_mcp.credentials.tokens import KEPT, TokenClient

    client = TokenClient(
        system=sign_in.system,
        auth=auth,
        client=sign_in.account,
        secret=sign_in.secret,
        now=sign_in.now,
        endpoint=Endpoint(
            system=sign_in.system,
            kept=KEPT,
            url=auth.token_url,
            networks=auth.networks,
            ca_file=auth.ca_file,
            certificate=own.load_into if own.exists else None,
        ),
    )
    shown = [one for one in (sign_in.secret, sign_in.subject) if one is not None]
    if auth.kind == "client_credentials":
        return TokenIdentity(FetchedToken(lambda: client.credentials_token(auth.scopes), shown, timing), own)
    subject = sign_in.subject or FetchedToken(lambda: client.credentials_token(auth.subject_scopes), shown, timing)
    return TokenIdentity(FetchedToken(lambda: client.exchanged_token(subject), shown, timing), own)
