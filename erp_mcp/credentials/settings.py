"""How we sign in to a system, to a vault and over TLS, as the configuration says it; secrets stand here as references.

A reference is `keyring:NAME`, `vault:MOUNT/PATH#FIELD`, `vault-db:ROLE` (user and password together), `file:PATH` or
`env:NAME`; `sources.secret_source` makes a source of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AuthKind = Literal["none", "basic", "bearer", "api_key", "client_credentials", "token_exchange"]
ClientAuth = Literal["basic", "post", "private_key_jwt", "none"]
VaultAuthKind = Literal["token", "approle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """How requests to one system are signed in; account and secret stand beside it.

    `basic` sends account and password; `bearer` the secret as a token; `api_key` the secret in `header` after `prefix`;
    `client_credentials` and `token_exchange` fetch tokens at `token_url` with the account as client id and the secret
    as client secret (or private key, by `client_auth`). For an exchange, `subject_token` is the reference of the token
    to be exchanged; without one, our own token (with `subject_scopes`) is. `networks` and `ca_file` belong to the token
    endpoint.
    """

    kind: AuthKind = "basic"
    header: str = ""
    prefix: str = ""
    token_url: str = ""
    client_auth: ClientAuth = "basic"
    key_id: str = ""
    algorithm: str = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""
    resource: str = ""
    subject_token: str = ""
    subject_token_type: str = ""
    subject_scopes: tuple[str, ...] = ()
    requested_token_type: str = ""
    networks: tuple[str, ...] = ()
    ca_file: str = ""

    @property
    def fetches_tokens(self) -> bool:
        """Whether tokens are fetched at a token endpoint."""
        return self.kind in {"client_credentials", "token_exchange"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Certificates of a connection: whom we trust, and who we are.

    `ca_file` replaces the machine's certificate authorities; `certificate` is our own (a PEM file, with its chain), and
    `key` the reference of its private key.
    """

    ca_file: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultAuth:
    """How we sign in to the vault: a token, or an AppRole by `role_id` (no secret) and `secret_id`.

    `token` and `secret_id` are references, and not of the vault itself. `mount` is where AppRole is mounted.
    """

    kind: VaultAuthKind = "token"
    token: str = ""
    role_id: str = ""
    secret_id: str = ""
    mount: str = "approle"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """Where the vault is (HashiCorp Vault or OpenBao), and how we sign in to it.

    `stale_s` is how many seconds a secret of it that was due for refreshing is still used while it does not answer.
    `refresh_s` is how many seconds a secret without a lease is kept.
    """

    url: str
    auth: VaultAuth
    namespace: str = ""
    ca_file: str = ""
    networks: tuple[str, ...] = ()
    refresh_s: int = 300
    stale_s: int = 3600
