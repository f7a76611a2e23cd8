"""What all pages work with: the deployment, who is signed in, and how long an approver waits to see the receipt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from erp_mcp.web.drafts import Drafts
from erp_mcp.web.held_keys import HeldKeys
from erp_mcp.web.looking import look
from erp_mcp.web.origin import Origin
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
    process of its own, what it shows of it; the page itself has no way in.
    """

    deployment: Deployment
    origin: Origin
    looks: int = _LOOKS
    pause: Callable[[], None] = lambda: time.sleep(_LOOK_S)
    look: Callable[[Path, str], str] = look

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        clock = self.deployment.clock
        return Sessions(
            deployment=self.deployment,
            held=HeldKeys(clock),
            tries=Tries(self.deployment.state.page_sessions, clock),
            form_key=self.deployment.key("page forms"),
        )

    @cached_property
    def drafts(self) -> Drafts:
        """What people are about to say yes to in place of something larger."""
        return Drafts()

    @cached_property
    def zone(self) -> ZoneInfo:
        """The plant's zone, in which times are shown."""
        return ZoneInfo(self.deployment.settings.zone)
