"""What can go wrong on the way to a system: one request meets a mishap, or all from some one on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from erp_mcp.domain.command import Command, NotSent, Outcome, Refused, RetryContract, Unknown, Written
from erp_mcp.ports import Commands
from tests.model.terms import ALONE_S, BEFORE_SEND, LASTING, Mishap


@dataclass(slots=True)
class Luck:
    """What happens to one request of a worker, after so many that it spares; to all from then on, where it lasts."""

    mishap: Mishap = ""
    spared: int = 0
    meanwhile: Callable[[], None] = lambda: None

    def met(self, *, before_send: bool) -> Mishap:
        """Return what happens now, where it is its turn."""
        if not self.mishap or (self.mishap in BEFORE_SEND) is not before_send:
            return ""
        if self.spared:
            self.spared -= 1
            return ""
        mishap, self.mishap = self.mishap, self.mishap if self.mishap == LASTING else ""
        return mishap


@dataclass(slots=True)
class UnluckyPort:
    """The way to a system, on which a request meets a mishap."""

    inner: Commands
    luck: Luck

    @property
    def system(self) -> str:
        return self.inner.system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return self.inner.operations

    async def send(self, command: Command) -> Outcome:
        mishap = self.luck.met(before_send=False)
        if mishap in {"", "cut_after", "limited_after"}:
            outcome = await self.inner.send(command)
            if not mishap:
                return outcome
        if mishap in {"refuse", "refuse_on"}:
            return Refused(code="document_closed")
        if mishap == "down":
            return NotSent(reason="system_unreachable")
        if mishap in {"limited", "limited_after"}:
            return NotSent(reason="rate_limited", retry_after_s=ALONE_S)
        return Unknown(reason="connection_lost")

    async def find(self, command: Command) -> Written | None:
        return await self.inner.find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self.inner.probe()

    async def close(self) -> None:
        """Nothing is held open."""
