"""The words of `auth:`, `tls:` and `vault:` in the configuration file; read by `settings` alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from erp_mcp.credentials.references import parsed
from erp_mcp.credentials.settings import (
    AuthKind,
    AuthSettings,
    ClientAuth,
    TlsSettings,
    VaultAuth,
    VaultAuthKind,
    VaultSettings,
)

_ALGORITHMS: Final = ("ES256", "PS256", "RS256")
_TOKENS: Final = frozenset({"token_url", "client_auth", "scopes", "audience", "resource", "networks", "ca_file"})
_SIGNED: Final = frozenset({"key_id", "algorithm"})  # with client_auth: private_key_jwt
_EXCHANGE: Final = frozenset({"subject_token", "subject_token_type", "subject_scopes", "requested_token_type"})
_ALLOWED: Final[Mapping[AuthKind, frozenset[str]]] = {
    "none": frozenset(),
    "basic": frozenset(),
    "bearer": frozenset({"prefix"}),
    "api_key": frozenset({"header", "prefix"}),
    "client_credentials": _TOKENS | _SIGNED,
    "token_exchange": _TOKENS | _SIGNED | _EXCHANGE,
}
Problem = tuple[str, str]
"""A key of the form and what is wrong with it."""


def reference(value: str) -> str:
    """Return a secret reference in its right form; empty where there is none.

    Raises:
        ValueError: for anything else, a secret itself most of all; the value is not in the message.
    """
    return str(parsed(value)) if value else ""


def network(value: str) -> str:
    """Return a network in CIDR form.

    Raises:
        ValueError: for anything else.
    """
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("must be a network such as 10.20.0.0/16 or fd00::/8, no bits set beyond its mask") from None
    return value


def safe_url(value: str) -> str:
    """Return an https address, or an http one of this machine, without credentials, query or fragment in it.

    Raises:
        ValueError: for anything else.
    """
    try:
        parts = urlsplit(value)
        host, port, named = parts.hostname or "", parts.port, "@" in parts.netloc
    except ValueError:
        raise ValueError("must be an https address") from None
    if not host or named or parts.query or parts.fragment or not value.isprintable() or " " in value or port == 0:
        raise ValueError("must be an https address without credentials, `?` and `#`")
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(host)):
        raise ValueError("must be an https address; plain http is for this machine alone, since secrets go there")
    return value


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _printable(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be printable ASCII, since it goes into a header")
    return value


def _own(value: str) -> str:
    """Return a reference that does not need the vault that it opens."""
    if value.startswith(("vault:", "vault-db:")):
        raise ValueError("must be kept outside the vault: keyring:NAME, file:PATH or env:NAME")
    return value


def _one(value: str) -> str:
    """Return a reference that gives one secret, not a user with its password."""
    if value.startswith("vault-db:"):
        raise ValueError("must give one secret; vault-db: gives a user with its password")
    return value


def _at(root: Path, value: str) -> str:
    return str((root / Path(value).expanduser()).resolve()) if value else ""


Reference = Annotated[str, AfterValidator(reference)]
Network = Annotated[str, AfterValidator(network)]
_OwnReference = Annotated[str, AfterValidator(reference), AfterValidator(_own)]
_OneReference = Annotated[str, AfterValidator(reference), AfterValidator(_one)]
_Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,200}$")]  # RFC 6749, 3.3
_Text = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
_Path = Annotated[str, Field(max_length=500)]
_Url = Annotated[str, Field(max_length=500), AfterValidator(safe_url)]
_Mount = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99})*$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Auth(_Form):
    """`auth:` of a system."""

    kind: AuthKind
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")] = "Authorization"
    prefix: Annotated[str, Field(max_length=40), AfterValidator(_printable)] = ""
    token_url: _Url = ""
    client_auth: ClientAuth = "basic"
    key_id: _Text = ""
    algorithm: Annotated[str, Field(pattern=f"^({'|'.join(_ALGORITHMS)})$")] = "RS256"
    scopes: Annotated[list[_Scope], Field(max_length=50)] = []
    audience: _Text = ""
    resource: _Text = ""
    subject_token: _OneReference = ""
    subject_token_type: _Text = ""
    subject_scopes: Annotated[list[_Scope], Field(max_length=50)] = []
    requested_token_type: _Text = ""
    networks: Annotated[list[Network], Field(max_length=50)] = []
    ca_file: _Path = ""

    def problems(self, account: str, secret: str) -> Iterator[Problem]:
        """Yield what does not fit together, with the account and the secret reference that stand beside `auth`."""
        for key in sorted(self.model_fields_set - _ALLOWED[self.kind] - {"kind"}):
            yield f"auth.{key}", f"kind {self.kind} has no such key"
        if self.kind == "none":
            return
        keyless = self.kind in {"client_credentials", "token_exchange"} and self.client_auth == "none"
        if not secret and not keyless:
            yield "secret", f"kind {self.kind} needs a secret reference"
        if secret.startswith("vault-db:") and self.kind != "basic":
            yield "secret", "vault-db: gives a user with its password, which only kind basic can use"
        if not account and self.kind == "basic" and not secret.startswith("vault-db:"):
            yield "account", "kind basic needs the account's name"
        if self.kind == "basic" and ":" in account:
            yield "account", "a colon can't stand in the account's name, since it ends it"
        if self.kind in {"client_credentials", "token_exchange"}:
            yield from self._token_problems(account)

    def _token_problems(self, account: str) -> Iterator[Problem]:
        if not self.token_url:
            yield "auth.token_url", f"kind {self.kind} needs the address of the token endpoint"
        if not account:
            yield "account", f"kind {self.kind} needs the client id here"
        for key in sorted(_SIGNED & self.model_fields_set):
            if self.client_auth != "private_key_jwt":
                yield f"auth.{key}", "only client_auth: private_key_jwt has this key"
        if self.subject_token and self.subject_scopes:
            yield "auth.subject_scopes", "a token that is given (subject_token) has its scopes already"

    def settings(self, root: Path) -> AuthSettings:
        """Return the frozen form, with paths relative to `root` made absolute."""
        apart = {"scopes", "subject_scopes", "networks", "ca_file"}
        return AuthSettings(
            **self.model_dump(exclude=apart),
            ca_file=_at(root, self.ca_file),
            scopes=tuple(self.scopes),
            subject_scopes=tuple(self.subject_scopes),
            networks=tuple(self.networks),
        )


class Tls(_Form):
    """`tls:` of a system."""

    ca_file: _Path = ""
    certificate: _Path = ""
    key: _OneReference = ""

    def problems(self) -> Iterator[Problem]:
        """Yield what does not fit together."""
        if bool(self.certificate) != bool(self.key):
            missing = "key" if self.certificate else "certificate"
            yield f"tls.{missing}", "a certificate and the reference of its key are needed together"

    def settings(self, root: Path) -> TlsSettings:
        """Return the frozen form, with paths relative to `root` made absolute."""
        return TlsSettings(ca_file=_at(root, self.ca_file), certificate=_at(root, self.certificate), key=self.key)


class _VaultAuth(_Form):
    kind: VaultAuthKind
    token: _OwnReference = ""
    role_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,200}$")] = ""
    secret_id: _OwnReference = ""
    mount: _Mount = "approle"


class Vault(_Form):
    """`vault:` of the deployment."""

    url: _Url
    auth: _VaultAuth
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/?$", max_length=200)] | None = None
    ca_file: _Path = ""
    networks: Annotated[list[Network], Field(max_length=50)] = []
    refresh_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    stale_s: Annotated[int, Field(ge=0, le=604_800)] = 3600

    def problems(self) -> Iterator[Problem]:
        """Yield what does not fit together."""
        kind = self.auth.kind
        needed = {"token"} if kind == "token" else {"role_id", "secret_id"}
        for key in sorted(needed):
            if not getattr(self.auth, key):
                yield f"auth.{key}", f"kind {kind} needs it"
        for key in sorted(self.auth.model_fields_set - needed - {"kind"}):
            if kind == "token" or key != "mount":
                yield f"auth.{key}", f"kind {kind} has no such key"

    def settings(self, root: Path) -> VaultSettings:
        """Return the frozen form, with paths relative to `root` made absolute."""
        return VaultSettings(
            url=self.url.rstrip("/"),
            auth=VaultAuth(**self.auth.model_dump()),
            namespace=(self.namespace or "").strip("/"),
            ca_file=_at(root, self.ca_file),
            networks=tuple(self.networks),
            refresh_s=self.refresh_s,
            stale_s=self.stale_s,
        )
