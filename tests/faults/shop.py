"""A deployment with three approved changes and a limit of three in an hour, for what breaks beside the ERP."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.proposal import Content
from tests.faults import plant
from tests.faults.plant import DrivenClock, Template, approved, opened
from tests.path.buyer import DATE_TOOL, run

_LIMIT: Final = 'window_h: 24\n    max: "500"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A deployment with three approved changes, as many as its limit takes in an hour, and one clock for all of it."""

    deployment: Deployment
    clock: DrivenClock
    lines: Iterator[dict[str, JsonValue]]
    contents: tuple[Content, ...]

    def propose(self) -> Answer | Refusal:
        """Propose the next change, as the buyer's agent does."""
        call = ToolCall(tool=DATE_TOOL, arguments=next(self.lines), call_id="call-next")
        return asyncio.run(self.deployment.gateway.call(self.deployment.principal("buyer"), call))

    def ask(self, tool: str, **arguments: JsonValue) -> Answer | Refusal:
        """Ask for something else."""
        call = ToolCall(tool=tool, arguments=arguments, call_id="call-ask")
        return asyncio.run(self.deployment.gateway.call(self.deployment.principal("buyer"), call))

    def work(self, at: Callable[[str], None] = lambda _: None) -> None:
        """Let a worker do everything that is due."""
        committer = self.deployment.committer(at=at)

        async def work_off() -> None:
            try:
                while await committer.work("worker:one") is not None:
                    pass
            finally:
                await self.deployment.disconnect()

        asyncio.run(work_off())

    def effects(self) -> int:
        """Count what the ERP noted, inside the transactions that made it."""
        with closing(sqlite3.connect(self.deployment.settings.file.parent / "erp.sqlite")) as erp:
            (count,) = erp.execute("SELECT count(*) FROM effect").fetchone()
        return int(count)

    def states(self) -> list[tuple[str, str]]:
        """Return state and reason of the three."""
        of = [self.deployment.state.proposals.get(one.proposal_id) for one in self.contents]
        return [(one.state.value, one.reason) for one in of]

    def was_sending(self) -> int:
        """Count how often the records say that something is sent."""
        of = [self.deployment.state.proposals.history(one.proposal_id) for one in self.contents]
        return sum(event.type == "proposal.sending" for events in of for event in events)

    def jumps(self) -> list[dict[str, Any]]:
        """Return what the records say of jumps."""
        leaves = [json.loads(record.leaf) for record in self.deployment.state.audit.read_all()]
        return [leaf["facts"] for leaf in leaves if leaf["kind"] == "clock.jumped"]


def template_in(folder: Path) -> Template:
    """Return a furnished plant with three approved changes, where three may be proposed in an hour."""
    base = folder / "policies" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    assert _LIMIT in text
    base.write_text(text.replace(_LIMIT, 'window_h: 1\n    max: "3"'), encoding="utf-8")
    run(folder, "policy", "apply", "--yes", "--as", "demo-admin")
    clock = DrivenClock()
    deployment = opened(folder, clock)
    lines = plant._dates(deployment)
    contents = tuple(approved(deployment, DATE_TOOL, next(lines)) for _ in range(3))
    deployment.close()
    return Template(folder=folder, now=clock.wall(), contents={DATE_TOOL: contents})


def shop_in(template: Template, folder: Path) -> Shop:
    """Return a copy of it, in a process that has just begun; whoever asks closes its deployment."""
    clock = DrivenClock(template.now)
    deployment = opened(template.copy(folder), clock)
    lines = plant._dates(deployment)
    for _ in range(3):
        next(lines)
    return Shop(deployment=deployment, clock=clock, lines=lines, contents=template.contents[DATE_TOOL])


def code(outcome: Answer | Refusal) -> str:
    return outcome.code if isinstance(outcome, Refusal) else ""
