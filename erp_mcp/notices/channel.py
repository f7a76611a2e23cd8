"""A way out for notices."""

from __future__ import annotations

from typing import Protocol

from erp_mcp.domain.notice import Notice


class Channel(Protocol):
    """Takes notices to people, one after the other."""

    @property
    def name(self) -> str:
        """What it is called in the settings: `mail`, or the name of a webhook."""
        ...

    async def send(self, notice: Notice) -> None:
        """Send one notice; sending it twice does no harm beyond a second message of the same id.

        Raises:
            NoticeNotSentError: `notices.not_sent`; it may be tried again.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
