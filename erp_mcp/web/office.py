"""What all pages work with: the deployment, who is signed in, and how long an approver waits to see the receipt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from erp_mcp.administration import accounts
from erp_mcp.approval.keys import OpenKey
from erp_mcp.credentials.oidc import CALLBACK
from erp_mcp.errors import ConfigurationError
from erp_mcp.ports import SecretSource
from erp_mcp.web.drafts import Drafts
from erp_mcp.web.held_keys import HeldKeys
from erp_mcp.web.held_sign_ins import HeldSignIns
from erp_mcp.web.looking import look
from erp_mcp.web.origin import Origin
from erp_mcp.web.provider import Ask, Provider, through_egress
from erp_mcp.web.returning import Returns
from erp_mcp.web.sessions import Sessions
from erp_mcp.web.tries import Tries

if TYPE_CHECKING:
    from erp_mcp.bootstrap import Deployment

_LOOK_S: Final = 0.25
_LOOKS: Final = 24  # six seconds in all


@dataclass(frozen=True, kw_only=True)
class Office:
    """One page of one deployment.

    `pause` waits between two of `looks` looks at what became of a decision. `look` asks the system of a proposal, in a
    process of its own, what it shows of it; the page itself has no way in. `ask` sends requests to the provider that
    people sign in at; through the one egress, where it is not given. `client_header` is the header in which a proxy on
    this machine says who asks, empty where none does.
    """

    deployment: Deployment
    origin: Origin
    looks: int = _LOOKS
    pause: Callable[[], None] = lambda: time.sleep(_LOOK_S)
    look: Callable[[Path, str], str] = look
    ask: Ask | None = None
    client_header: str = ""

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        clock = self.deployment.clock
        return Sessions(
            deployment=self.deployment,
            held=HeldKeys(clock),
            sign_ins=HeldSignIns(clock),
            page_key=lambda: self.page_key,
            tries=Tries(self.deployment.state.page_sessions, clock),
            form_key=self.deployment.key("page forms"),
        )

    @cached_property
    def provider(self) -> Provider | None:
        """Where people sign in beside the page's own form; `None` where no such place is configured."""
        deployment, settings = self.deployment, self.deployment.settings.oidc
        if settings is None:
            return None

        def secret() -> str:
            source = deployment.access.source(settings.client_secret)
            return asyncio.run(_current(source)) if source is not None else ""

        ask = self.ask or through_egress(settings)
        return Provider(settings=settings, clock=deployment.clock, secret=secret, ask=ask)

    @cached_property
    def returns(self) -> Returns:
        """Who has come back from the provider lately."""
        return Returns(self.deployment.state.page_sessions, self.deployment.clock)

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to: as configured, else at the page's own address."""
        settings = self.deployment.settings.oidc
        return (settings.redirect_uri if settings is not None else "") or f"{self.origin.address}{CALLBACK}"

    @cached_property
    def begun_key(self) -> bytes:
        """What seals the sign-ins that browsers have begun."""
        return self.deployment.key("page sign-ins begun")

    @cached_property
    def page_key(self) -> OpenKey:
        """The page's own key, which signs for people whom the provider knew.

        Raises:
            As `accounts.opened_page_key`.
        """
        return accounts.opened_page_key(self.deployment)

    def check(self) -> None:
        """Refuse a page at which nobody could sign in at the provider that is configured.

        Raises:
            ConfigurationError: `settings.bad_configuration`, for a redirect to elsewhere. Otherwise as `page_key`.
        """
        if self.provider is None:
            return
        parts = urlsplit(self.redirect_uri)
        here = f"{parts.scheme}://{parts.netloc}".lower() in self.origin.origins
        if not here or parts.path != f"{self.origin.root}{CALLBACK}":
            reason = f"must lie at the page's own address, {self.origin.address}{CALLBACK}: --public-url sets that"
            raise ConfigurationError(key="web.oidc.redirect_uri", reason=reason)
        _ = self.page_key

    @cached_property
    def drafts(self) -> Drafts:
        """What people are about to say yes to in place of something larger."""
        return Drafts()

    @cached_property
    def zone(self) -> ZoneInfo:
        """The plant's zone, in which times are shown."""
        return ZoneInfo(self.deployment.settings.zone)


async def _current(source: SecretSource) -> str:
    return await source.current()
