"""Which secrets a configuration refers to, and whether they are there; the secrets themselves are not kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from erp_mcp.bootstrap.access import references_of
from erp_mcp.errors import ConfigurationError, GatewayError
from erp_mcp.ports import SecretSource
from erp_mcp.settings import Settings

if TYPE_CHECKING:
    from erp_mcp.bootstrap.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A reference and the key at which it stands; `system` is empty for the vault's own, `writes` says whose."""

    key: str
    reference: str
    system: str = ""
    writes: bool = False


def named_secrets(settings: Settings) -> Iterator[Named]:
    """Yield the references of a configuration: the vault's own, the state's, the page's, then those of each system."""
    if settings.vault is not None:
        auth = settings.vault.auth
        for key, reference in (("token", auth.token), ("secret_id", auth.secret_id)):
            if reference:
                yield Named(key=f"vault.auth.{key}", reference=reference)
    if settings.state is not None and settings.state.secret:
        yield Named(key="state.postgresql.secret", reference=settings.state.secret, system="state")
    if settings.oidc is not None and settings.oidc.client_secret:
        yield Named(key="web.oidc.client_secret", reference=settings.oidc.client_secret, system="web")
    for system in settings.systems:
        for writes in (False, True):
            for key, reference in references_of(system, write=writes).items():
                yield Named(key=f"systems.{system.name}.{key}", reference=reference, system=system.name, writes=writes)


def resolves(deployment: Deployment, named: Named) -> str:
    """Fetch what a reference stands for and forget it; returns empty, or why there is none."""
    try:
        source = deployment.access.source(named.reference)
        if source is not None:
            asyncio.run(_fetched(source))
    except ConfigurationError as failure:
        return str(failure.facts.get("reason", failure.summary))
    except GatewayError as failure:
        return f"{failure.summary} {failure.facts.get('reason', '')}".strip()
    return ""


async def _fetched(source: SecretSource) -> None:
    await source.current()
