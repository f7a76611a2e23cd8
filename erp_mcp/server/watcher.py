"""Notices that the principal's list of tools has changed, whichever process applied the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from erp_mcp.server.report import describe, say
from erp_mcp.server.session import Session, ToolView

PERIOD_S: Final = 0.5

_List = tuple[tuple[str, str, str, str], ...]


class Watcher:
    """Remembers which list the client may have seen."""

    def __init__(self, session: Session) -> None:
        """Take the list as it is now for seen."""
        self._session = session
        self._digest = session.gateway.bundle_digest()
        self._list = self._look()

    def changed(self) -> bool:
        """Whether a newly applied policy has given this principal another list since the last time.

        A policy that changes masks or limits only is no change of the list.
        """
        digest = self._session.gateway.bundle_digest()
        if digest == self._digest:
            return False
        before, self._list, self._digest = self._list, self._look(), digest
        return self._list != before

    def _look(self) -> _List:
        return tuple(_fingerprint(tool) for tool in self._session.gateway.tools(self._session.principal))


async def watch(session: Session, tell: Callable[[], None], *, period_s: float = PERIOD_S) -> None:
    """Call `tell` at each change of the list, until cancelled. A failing look is told once and tried again."""
    watcher: Watcher | None = None
    failing = False
    while True:
        try:
            if watcher is None:
                watcher = Watcher(session)
            elif watcher.changed():
                tell()
            failing = False
        except Exception as error:  # noqa: BLE001 - a busy store must not end the watch
            if not failing:
                say(f"the applied policy can't be looked at. {describe(error)}")
            failing = True
        await asyncio.sleep(period_s)


def _fingerprint(tool: ToolView) -> tuple[str, str, str, str]:
    return tool.name, tool.title, tool.description, f"{tool.input_schema}{tool.output_schema}"
