"""What the egress needs of an identity; `credentials.Identity` is one."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Protocol


class Signs(Protocol):
    """How requests to one system are signed in."""

    async def headers(self) -> Mapping[str, str]:
        """Return what to add to a request now."""
        ...

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        """Say whether asking again may help after a 401 to these headers."""
        ...

    def certificate(self, context: ssl.SSLContext) -> None:
        """Load our own certificate into a context, where the system wants one."""
        ...
