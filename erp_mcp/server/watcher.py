"""Notices that a list of the principal's has changed, whichever process applied the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final

from erp_mcp.server import prompts, resources
from erp_mcp.server.listeners import LIST_CHANGED, PROMPTS, RESOURCES, TOOLS
from erp_mcp.server.report import describe, say
from erp_mcp.server.session import Session, ToolView

PERIOD_S: Final = 0.5

_Lists = Mapping[str, tuple[object, ...]]


class Watcher:
    """Remembers which lists the client may have seen."""

    def __init__(self, session: Session) -> None:
        """Take the lists as they are now for seen."""
        self._session = session
        self._digest = session.gateway.bundle_digest()
        self._lists = self._look()

    def changed(self) -> list[str]:
        """Return which lists a newly applied policy has made others for this principal since the last time.

        A policy that changes masks or limits only is no change of a list. Pages that show answers count as resources,
        whether or not the client shows them.

        Returns:
            Names of `LIST_CHANGED`, in their order.
        """
        digest = self._session.gateway.bundle_digest()
        if digest == self._digest:
            return []
        before, self._lists, self._digest = self._lists, self._look(), digest
        return [name for name in LIST_CHANGED if self._lists[name] != before[name]]

    def _look(self) -> _Lists:
        session = self._session
        return {
            TOOLS: tuple(_fingerprint(tool) for tool in session.gateway.tools(session.principal)),
            PROMPTS: tuple(prompt.name for prompt in prompts.offered(session)),
            RESOURCES: resources.addresses(session),
        }


async def watch(session: Session, tell: Callable[[Collection[str]], None], *, period_s: float = PERIOD_S) -> None:
    """Call `tell` with the lists that changed, until cancelled. A failing look is told once and tried again."""
    watcher: Watcher | None = None
    failing = False
    while True:
        try:
            if watcher is None:
                watcher = Watcher(session)
            elif changed := watcher.changed():
                tell(changed)
            failing = False
        except Exception as error:  # noqa: BLE001 - a busy store must not end the watch
            if not failing:
                say(f"the applied policy can't be looked at. {describe(error)}")
            failing = True
        await asyncio.sleep(period_s)


def _fingerprint(tool: ToolView) -> tuple[str, str, str, str]:
    return tool.name, tool.title, tool.description, f"{tool.input_schema}{tool.output_schema}"
