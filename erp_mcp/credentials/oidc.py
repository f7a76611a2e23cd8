"""Where people sign in to the approver's page: `web: oidc:` in the configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from erp_mcp.credentials import grammar

CALLBACK: Final = "/oidc/callback"
LOGOUT: Final = "/oidc/logout"  # where the provider says that somebody has signed out there
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA")  # none that a client secret could forge
OidcClientAuth = Literal["basic", "post", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """An OpenID provider, and how the page is known to it; `client_secret` is a reference.

    `redirect_uri` is empty for the page's own address with `CALLBACK`. `origins` are those of endpoints that do not
    lie at the issuer's own. Where `groups` is not empty, one of them must stand in the claim `groups_claim`. `acr` is
    what is asked for where somebody has to prove anew who they are. `name` is what people know the provider by.
    """

    issuer: str
    client_id: str
    client_secret: str = ""
    client_auth: OidcClientAuth = "basic"
    redirect_uri: str = ""
    name: str = "your organisation"
    scopes: tuple[str, ...] = ("openid",)
    algorithms: tuple[str, ...] = ("RS256",)
    groups_claim: str = ""
    groups: tuple[str, ...] = ()
    acr: str = ""
    origins: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    ca_file: str = ""


def _redirect(value: str) -> str:
    grammar.safe_url(value)
    if not urlsplit(value).path.endswith(CALLBACK):
        raise ValueError(f"must be the page's address and {CALLBACK}, as the provider has it registered")
    return value


def _origin(value: str) -> str:
    grammar.safe_url(value)
    if urlsplit(value).path:
        raise ValueError("must be scheme and host alone, such as https://tokens.example.com")
    return value.lower()


_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Algorithm = Annotated[str, Field(pattern=f"^({'|'.join(ALGORITHMS)})$")]
_Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,200}$")]  # RFC 6749, 3.3


class _Groups(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    claim: _Text = "groups"
    any_of: Annotated[list[_Text], Field(min_length=1, max_length=50)]


class Oidc(BaseModel):
    """`web: oidc:` of a deployment."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    issuer: Annotated[str, Field(max_length=500), AfterValidator(grammar.safe_url)]
    client_id: _Text
    client_secret: Annotated[str, AfterValidator(grammar.reference)] = ""
    client_auth: OidcClientAuth = "basic"
    redirect_uri: Annotated[str, Field(max_length=500), AfterValidator(_redirect)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=60)] = "your organisation"
    scopes: Annotated[list[_Scope], Field(min_length=1, max_length=20)] = ["openid"]
    algorithms: Annotated[list[_Algorithm], Field(min_length=1)] = ["RS256"]
    groups: _Groups | None = None
    acr: Annotated[str, Field(max_length=200)] = ""
    origins: Annotated[list[Annotated[str, AfterValidator(_origin)]], Field(max_length=10)] = []
    networks: Annotated[list[grammar.Network], Field(max_length=50)] = []
    ca_file: Annotated[str, Field(max_length=500)] = ""

    def problems(self, *, has_vault: bool) -> Iterator[grammar.Problem]:
        """Yield what does not fit together."""
        if self.client_auth != "none" and not self.client_secret:
            yield "client_secret", f"client_auth {self.client_auth} needs the reference of the client's secret"
        if self.client_auth == "none" and self.client_secret:
            yield "client_auth", "a client with a secret shows it: basic or post"
        if self.client_secret.startswith("vault-db:"):
            yield "client_secret", "must give one secret; vault-db: gives a user with its password"
        if self.client_secret.startswith("vault:") and not has_vault:
            yield "client_secret", "there is no vault: at the top of this file that says where the vault is"
        if "openid" not in self.scopes:
            yield "scopes", "must name openid, else the provider says of nobody who they are"

    def settings(self, root: Path) -> OidcSettings:
        """Return the frozen form, with paths relative to `root` made absolute."""
        apart = {"redirect_uri", "scopes", "algorithms", "groups", "origins", "networks", "ca_file"}
        return OidcSettings(
            **self.model_dump(exclude=apart),
            redirect_uri=self.redirect_uri or "",
            scopes=tuple(self.scopes),
            algorithms=tuple(self.algorithms),
            groups_claim=self.groups.claim if self.groups else "",
            groups=tuple(self.groups.any_of) if self.groups else (),
            origins=tuple(self.origins),
            networks=tuple(self.networks),
            ca_file=str((root / Path(self.ca_file).expanduser()).resolve()) if self.ca_file else "",
        )
